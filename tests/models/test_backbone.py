import pytest
import torch
import torch.nn.functional as F
from clbench.models import cosines, image_features, load_open_clip, text_classifier, text_features
from clbench.models.text import prefix_tree
from clbench.streams import LabelSpace
from clbench.testing import tiny_backbone, tiny_stream
from hypothesis import given
from hypothesis import strategies as st

TEXTS = [["a"], ["a photo of a cat.", "dog", "a photo of a cat.", "a very long name of a thing " * 20]]


def of_all_weights(encode):
    """Output and gradients of a function of a backbone, all positions computed and only those read."""
    results = []
    for official in (True, False):
        backbone = tiny_backbone()
        backbone.official_compute = official
        output = encode(backbone)
        output.square().sum().backward()
        results.append(
            (output, {n: p.grad for n, p in backbone.model.named_parameters() if p.grad is not None})
        )
    return results


@pytest.mark.parametrize("texts", TEXTS)
def test_text_computed_once_for_each_beginning_is_the_same(texts):
    (full, full_grads), (cut, cut_grads) = of_all_weights(lambda b: b.encode_text(b.tokenize(texts)))
    torch.testing.assert_close(cut, full, rtol=1e-5, atol=2e-6)
    assert cut_grads.keys() == full_grads.keys()
    for name in full_grads:
        torch.testing.assert_close(cut_grads[name], full_grads[name], rtol=1e-3, atol=1e-5)


def test_images_with_the_last_block_for_the_class_token_alone_are_the_same():
    images = torch.randn(5, 3, *[tiny_backbone().preprocessing.size] * 2)
    (full, full_grads), (cut, cut_grads) = of_all_weights(lambda b: b.encode_image(images))
    torch.testing.assert_close(cut, full, rtol=1e-5, atol=2e-6)
    assert cut_grads.keys() == full_grads.keys()
    for name in full_grads:
        torch.testing.assert_close(cut_grads[name], full_grads[name], rtol=1e-3, atol=1e-5)


def changed(x):
    return x + x.roll(1, dims=-1)


class Wrapped(torch.nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x, attn_mask=None):
        return changed(self.block(x, attn_mask=attn_mask))


@pytest.mark.parametrize("change", ["wrap", "hook", "attention hook", "forward"])
def test_blocks_that_a_method_changes_are_run_as_they_are(change):
    """Taking a changed block apart would silently leave the change out."""
    backbone = tiny_backbone()
    for tower in (backbone.model.visual.transformer, backbone.model.transformer):
        block = tower.resblocks[-1]
        if change == "wrap":
            tower.resblocks[-1] = Wrapped(block)
        elif change == "hook":
            block.register_forward_hook(lambda _m, _i, output: changed(output))
        elif change == "attention hook":
            block.attn.register_forward_hook(lambda _m, _i, output: (changed(output[0]), None))
        else:
            original = block.forward
            block.forward = lambda *a, original=original, **k: changed(original(*a, **k))
    images = torch.randn(2, 3, *[backbone.preprocessing.size] * 2)
    tokens = backbone.tokenize(["a cat", "a dog"])
    plain = tiny_backbone()
    assert not torch.allclose(backbone.encode_image(images), plain.encode_image(images))
    assert not torch.allclose(backbone.encode_text(tokens), plain.encode_text(tokens))
    torch.testing.assert_close(backbone.encode_image(images), backbone.model.encode_image(images))
    torch.testing.assert_close(backbone.encode_text(tokens), backbone.model.encode_text(tokens))


@given(st.lists(st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=8))
def test_prefix_tree_holds_each_beginning_once(words):
    end, length = 9, max(map(len, words)) + 1
    tokens = torch.tensor([[*w, end] + [0] * (length - len(w) - 1) for w in words])
    tree = prefix_tree(tokens)
    beginnings = {(*w, end)[: i + 1] for w in words for i in range(len(w) + 1)}
    assert len(tree.tokens) == len(beginnings)
    for row, nodes, last in zip(tokens, tree.nodes, tree.ends.tolist(), strict=True):
        assert tree.tokens[nodes[: last + 1]].tolist() == row[: last + 1].tolist()
        assert tree.positions[nodes[: last + 1]].tolist() == list(range(last + 1))
        assert (nodes[last:] == nodes[last]).all()
    assert (tree.nodes.flatten()[tree.homes] == torch.arange(len(tree.tokens))).all()


def test_classifier_is_the_normalised_mean_of_normalised_prompts():
    backbone, labels = tiny_backbone(), tiny_stream().union
    classifier = text_classifier(backbone, labels)
    for column, prompts in enumerate(labels.prompts):
        each = F.normalize(backbone.model.encode_text(backbone.tokenize(prompts)), dim=-1)
        torch.testing.assert_close(classifier[column], F.normalize(each.mean(0), dim=0), rtol=1e-4, atol=1e-5)


def test_repeated_texts_are_encoded_once_and_spread():
    backbone = tiny_backbone()
    features = text_features(backbone, ["b", "a", "b"])
    assert (features[0] == features[2]).all()
    torch.testing.assert_close(features[1], text_features(backbone, ["a"])[0], rtol=1e-5, atol=1e-6)


def test_classes_of_equal_name_keep_their_own_templates():
    labels = LabelSpace(("x", "x"), (("a {}",), ("the {}",)))
    classifier = text_classifier(tiny_backbone(), labels)
    assert not torch.allclose(classifier[0], classifier[1])


def test_image_features_are_unit_vectors_in_order():
    backbone, images = tiny_backbone(), tiny_stream().tasks[0].test
    features = image_features(backbone, images, batch=5)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(images)))
    torch.testing.assert_close(features, image_features(backbone, images, batch=12), rtol=1e-5, atol=1e-6)


def test_a_copy_is_independent_and_its_digest_follows_its_weights():
    backbone = tiny_backbone()
    twin = backbone.copy()
    assert twin.weights_digest == backbone.weights_digest
    changed = backbone.copy()
    with torch.no_grad():
        next(changed.model.parameters()).add_(1.0)
    assert changed.weights_digest != backbone.weights_digest


def test_weights_with_openai_names_load_into_a_backbone_of_any_size():
    names = set(tiny_backbone().model.state_dict())
    assert {
        "visual.conv1.weight",
        "visual.transformer.resblocks.1.attn.in_proj_weight",
        "visual.proj",
        "transformer.resblocks.0.mlp.c_fc.weight",
        "text_projection",
        "logit_scale",
    } <= names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "activation"), [("ViT-B-32", "gelu"), ("ViT-B-32-quickgelu", "quickgelu")]
)
def test_open_clip_architectures_load_with_random_weights(architecture, activation):
    backbone = load_open_clip("x", architecture, None)
    assert backbone.activation == activation
    assert backbone.preprocessing.size == 224
    assert backbone.preprocessing.mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert float(backbone.scale) == pytest.approx(100.0, rel=1e-4)
    assert text_features(backbone, ["a photo of a cat."]).shape == (1, 512)
    assert load_open_clip("x", architecture, None).weights_digest == backbone.weights_digest


def test_cosines_are_never_narrower_than_float32():
    random = torch.Generator().manual_seed(0)
    Z, W = (F.normalize(torch.randn(n, 512, generator=random, dtype=torch.float64), dim=-1) for n in (5, 7))
    assert torch.equal(cosines(Z, W), Z @ W.T)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = cosines(Z.float(), W.float())
        plain = Z.float() @ W.float().T
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), Z @ W.T, rtol=0, atol=1e-6)
    assert (plain.double() - Z @ W.T).abs().max() > 1e-4  # what is avoided
    half = cosines(Z.to(torch.bfloat16), W.to(torch.bfloat16))
    assert half.dtype == torch.float32

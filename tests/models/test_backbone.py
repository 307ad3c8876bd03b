import pytest
import torch
import torch.nn.functional as F
from clbench.models import image_features, load_open_clip, text_classifier, text_features
from clbench.streams import LabelSpace
from clbench.testing import tiny_backbone, tiny_stream


@pytest.mark.parametrize("texts", [["a"], ["a photo of a cat.", "dog", "a very long name of a thing " * 20]])
def test_cutting_the_context_changes_nothing(texts):
    backbone = tiny_backbone()
    tokens = backbone.tokenize(texts)
    short = backbone.encode_text(tokens)
    backbone.truncate_text = False
    torch.testing.assert_close(short, backbone.encode_text(tokens), rtol=1e-5, atol=2e-6)


def test_cutting_the_context_keeps_gradients():
    grads = []
    for truncate in (True, False):
        backbone = tiny_backbone()
        backbone.truncate_text = truncate
        backbone.encode_text(backbone.tokenize(["a photo of a cat.", "dog"])).square().sum().backward()
        grads.append({n: p.grad for n, p in backbone.model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    for name in grads[0]:
        torch.testing.assert_close(grads[0][name], grads[1][name], rtol=1e-3, atol=1e-5)


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

"""Weights under OpenAI's names: the model they give is CLIP as its formulas say."""

import math

import pytest
import torch
from clbench import DataError
from clbench.models import from_openai_state, load_open_clip

VOCABULARY, CONTEXT = 40, 12


def openai_state(*, width=(128, 64), layers=(2, 3), embedding=32, patch=8, grid=3, seed=0):
    """Random weights, in double precision; vision and text towers of different sizes."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape, std):
        return std * torch.randn(shape, generator=random, dtype=torch.float64)

    state = {}

    def norm(name, d):
        state[f"{name}.weight"] = 1 + draw(d, std=0.1)
        state[f"{name}.bias"] = draw(d, std=0.1)

    for prefix, d, depth in (("visual.", width[0], layers[0]), ("", width[1], layers[1])):
        for i in range(depth):
            block = f"{prefix}transformer.resblocks.{i}"
            state[f"{block}.attn.in_proj_weight"] = draw(3 * d, d, std=d**-0.5)
            state[f"{block}.attn.in_proj_bias"] = draw(3 * d, std=0.1)
            state[f"{block}.attn.out_proj.weight"] = draw(d, d, std=d**-0.5)
            state[f"{block}.attn.out_proj.bias"] = draw(d, std=0.1)
            norm(f"{block}.ln_1", d)
            state[f"{block}.mlp.c_fc.weight"] = draw(4 * d, d, std=d**-0.5)
            state[f"{block}.mlp.c_fc.bias"] = draw(4 * d, std=0.1)
            state[f"{block}.mlp.c_proj.weight"] = draw(d, 4 * d, std=d**-0.5)
            state[f"{block}.mlp.c_proj.bias"] = draw(d, std=0.1)
            norm(f"{block}.ln_2", d)
    d = width[0]
    state["visual.conv1.weight"] = draw(d, 3, patch, patch, std=0.05)
    state["visual.class_embedding"] = draw(d, std=d**-0.5)
    state["visual.positional_embedding"] = draw(grid**2 + 1, d, std=0.1)
    norm("visual.ln_pre", d)
    norm("visual.ln_post", d)
    state["visual.proj"] = draw(d, embedding, std=d**-0.5)
    d = width[1]
    state["token_embedding.weight"] = draw(VOCABULARY, d, std=0.1)
    state["positional_embedding"] = draw(CONTEXT, d, std=0.1)
    norm("ln_final", d)
    state["text_projection"] = draw(d, embedding, std=d**-0.5)
    state["logit_scale"] = torch.tensor(math.log(100.0), dtype=torch.float64)
    return state


def tokenize(texts):
    """A letter is a token; between the start, 38, and the end, 39."""
    rows = torch.zeros(len(texts), CONTEXT, dtype=torch.int64)
    for row, text in zip(rows, texts, strict=True):
        ids = [38, *(ord(letter) - ord("a") for letter in text), 39]
        row[: len(ids)] = torch.tensor(ids)
    return rows


class PlainCLIP:
    """CLIP from its formulas, one head and one layer at a time."""

    def __init__(self, state):
        self.state = state

    def norm(self, x, name):
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return x * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def blocks(self, x, prefix, depth, *, causal):
        p = self.state
        n, d = x.shape[1:]
        for i in range(depth):
            block = f"{prefix}transformer.resblocks.{i}"
            y = self.norm(x, f"{block}.ln_1")
            y = y @ p[f"{block}.attn.in_proj_weight"].T + p[f"{block}.attn.in_proj_bias"]
            q, k, v = y.chunk(3, dim=-1)
            mixed = []
            for h in range(0, d, 64):
                scores = q[..., h : h + 64] @ k[..., h : h + 64].transpose(1, 2) / 8.0
                if causal:
                    scores = scores + torch.full((n, n), -torch.inf, dtype=x.dtype).triu(1)
                mixed.append(scores.softmax(-1) @ v[..., h : h + 64])
            x = x + torch.cat(mixed, -1) @ p[f"{block}.attn.out_proj.weight"].T
            x = x + p[f"{block}.attn.out_proj.bias"]
            y = self.norm(x, f"{block}.ln_2") @ p[f"{block}.mlp.c_fc.weight"].T + p[f"{block}.mlp.c_fc.bias"]
            y = y * torch.sigmoid(1.702 * y)
            x = x + y @ p[f"{block}.mlp.c_proj.weight"].T + p[f"{block}.mlp.c_proj.bias"]
        return x

    def image(self, images):
        p, patch = self.state, self.state["visual.conv1.weight"].shape[-1]
        pieces = images.unfold(2, patch, patch).unfold(
            3, patch, patch
        )  # batch, 3, rows, columns, patch, patch
        pieces = pieces.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        x = pieces @ p["visual.conv1.weight"].flatten(1).T
        x = torch.cat([p["visual.class_embedding"].expand(len(x), 1, -1), x], 1)
        x = self.norm(x + p["visual.positional_embedding"], "visual.ln_pre")
        x = self.blocks(x, "visual.", 2, causal=False)
        return self.norm(x[:, 0], "visual.ln_post") @ p["visual.proj"]

    def text(self, tokens):
        p = self.state
        x = p["token_embedding.weight"][tokens] + p["positional_embedding"]
        x = self.norm(self.blocks(x, "", 3, causal=True), "ln_final")
        return x[torch.arange(len(x)), tokens.argmax(-1)] @ p["text_projection"]


def test_it_computes_clip_as_the_formulas_say():
    state = openai_state()
    backbone = from_openai_state(state, tokenizer=tokenize)
    plain = PlainCLIP(state)
    images = torch.randn(3, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    tokens = tokenize(["cat", "a", "elephants"])
    with torch.no_grad():
        torch.testing.assert_close(
            backbone.encode_image(images.float()).double(), plain.image(images), rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(
            backbone.encode_text(tokens).double(), plain.text(tokens), rtol=1e-4, atol=1e-4
        )
    assert backbone.scale.item() == pytest.approx(100.0, rel=1e-5)


def test_sizes_come_from_the_shapes_and_all_names_are_kept():
    state = openai_state()
    backbone = from_openai_state(state, tokenizer=tokenize, name="small")
    ours = backbone.model.state_dict()
    assert set(ours) == set(state)
    assert all(torch.equal(ours[key], value.float()) for key, value in state.items())
    assert (backbone.name, backbone.activation, backbone.preprocessing.size) == ("small", "quickgelu", 24)
    assert len(dict(backbone.trainable())) == len(state) - 1
    assert all(p.requires_grad and p.dtype == torch.float32 for p in backbone.model.parameters())


def test_the_state_is_copied_half_precision_is_widened_and_openais_extras_are_ignored():
    state = {key: value.half() for key, value in openai_state().items()}
    extras = {name: torch.tensor(7) for name in ("input_resolution", "context_length", "vocab_size")}
    backbone = from_openai_state({**extras, **state}, tokenizer=tokenize)
    assert torch.equal(backbone.model.visual.proj, state["visual.proj"].float())
    full = {key: value.float() for key, value in state.items()}
    backbone = from_openai_state(full, tokenizer=tokenize)
    with torch.no_grad():
        for parameter in backbone.model.parameters():
            parameter.zero_()
    assert full["visual.proj"].abs().max() > 0


def test_the_activation_can_be_chosen():
    quick, exact = (
        from_openai_state(openai_state(), tokenizer=tokenize, quick_gelu=q) for q in (True, False)
    )
    tokens = tokenize(["cat"])
    assert exact.activation == "gelu"
    assert not torch.allclose(quick.encode_text(tokens), exact.encode_text(tokens), atol=1e-4)


def test_building_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    from_openai_state(openai_state(), tokenizer=tokenize)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {f"module.{k}": v for k, v in s.items()}, "visual.conv1.weight of 4 dimensions"),
        (lambda s: {k: v for k, v in s.items() if k != "visual.ln_post.bias"}, "visual.ln_post.bias"),
        (lambda s: s | {"visual.attn.strange": torch.zeros(1)}, "visual.attn.strange"),
        (lambda s: s | {"visual.positional_embedding": torch.zeros(9, 128)}, "9 positions"),
        (
            lambda s: (
                {"visual.layer1.0.conv1.weight": torch.zeros(1)}
                | {k: v for k, v in s.items() if k != "visual.positional_embedding"}
            ),
            "only vision transformers",
        ),
    ],
)
def test_other_weights_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        from_openai_state(change(openai_state()), tokenizer=tokenize)


def test_what_no_shape_tells_must_be_said():
    with pytest.raises(DataError, match="40 tokens"):
        from_openai_state(openai_state())
    narrow = openai_state(width=(128, 32))
    with pytest.raises(DataError, match="head_width"):
        from_openai_state(narrow, tokenizer=tokenize)
    assert (
        from_openai_state(narrow, tokenizer=tokenize, head_width=16)
        .encode_text(tokenize(["a"]))
        .isfinite()
        .all()
    )


@pytest.mark.slow
def test_open_clips_own_weights_are_read_back():
    original = load_open_clip("x", "ViT-B-32-quickgelu", None)
    again = from_openai_state(original.model.state_dict())
    assert again.preprocessing.digest == original.preprocessing.digest
    tokens = original.tokenize(["a photo of a cat."])
    assert torch.equal(tokens, again.tokenize(["a photo of a cat."]))
    assert torch.equal(original.encode_text(tokens), again.encode_text(tokens))

"""mini-clip loads through open_clip's code, mini-diffusion through diffusers', deterministically."""

from __future__ import annotations

import math

import numpy as np
import open_clip
import pytest
import torch
from clbench_mini.demands import zero_shot_accuracies
from clbench_mini.files import BACKBONE, GENERATOR, catalogue, class_names
from clbench_mini.models import mini_clip, mini_diffusion
from clbench_mini.pipeline import MiniDiffusionPipeline, TextTower

needs_generator = pytest.mark.skipif(not GENERATOR.exists(), reason="the generator is not built")


@pytest.fixture(scope="module")
def backbone():
    return mini_clip("cpu").freeze()


@pytest.fixture(scope="module")
def generator():
    return mini_diffusion("cpu")


def test_mini_clip_loads_by_open_clips_own_schema(backbone):
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{BACKBONE}")
    assert isinstance(model, open_clip.CLIP)
    assert sum(p.numel() for p in model.parameters()) == catalogue()["backbone_parameters"]
    image = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(model.eval().encode_image(image), backbone.encode_image(image))
    assert transform is not None


def test_the_logit_scale_is_within_clips_bound(backbone):
    assert 0 < float(backbone.logit_scale) <= math.log(100) + 1e-3


def test_the_vocabulary_is_that_of_the_model(backbone):
    tokenizer = open_clip.SimpleTokenizer(str(BACKBONE / "bpe.txt.gz"), context_length=16)
    assert tokenizer.vocab_size == backbone.model.vocab_size
    assert tokenizer.eot_token_id == tokenizer.vocab_size - 1  # pooling looks for the largest id


@pytest.mark.parametrize("text", ["a photo of a grinning face.", "xylophone & quokka", "50% off!"])
def test_no_text_is_out_of_vocabulary(text):
    tokenizer = open_clip.SimpleTokenizer(str(BACKBONE / "bpe.txt.gz"), context_length=16)
    decoded = tokenizer.decode(tokenizer.encode(text))
    assert decoded.replace(" ", "") == text.replace(" ", "")


def test_the_context_is_long_enough_to_tell_all_classes_apart(backbone):
    from clbench_mini.stream import mini

    for task in mini().tasks:
        for template in task.templates:
            tokens = backbone.tokenize([template.replace("{}", name) for name in task.classes])
            assert len({tuple(row) for row in tokens.tolist()}) == len(task.classes), (task.key, template)


@pytest.mark.slow
def test_zero_shot_skill_is_real():
    found = zero_shot_accuracies()
    chance = {entry["key"]: 100 / entry["classes"] for entry in catalogue()["tasks"]}
    assert np.mean(list(found.values())) >= max(30, 5 * np.mean(list(chance.values())))
    assert all(found[key] >= 2 * chance[key] for key in found)


def test_the_text_tower_agrees_with_the_backbone(backbone):
    hidden, pooled = TextTower.load(BACKBONE)(["a photo of a cat.", ""])
    expected = backbone.encode_text(backbone.tokenize(["a photo of a cat.", ""]))
    torch.testing.assert_close(pooled, torch.nn.functional.normalize(expected, dim=-1))
    assert hidden.shape == (2, 16, 192)
    assert not hidden[1, 2:].any()


@needs_generator
def test_an_image_depends_on_its_seed_and_prompt_and_not_on_its_batch(generator):
    prompts = [f"a photo of a {name}." for name in class_names()[:3]]
    together = [np.asarray(image) for image in generator.generate(prompts, [1, 2, 3])]
    again = [np.asarray(image) for image in generator.generate(prompts, [1, 2, 3])]
    alone = np.asarray(generator.generate(prompts[1:2], [2])[0])
    other = np.asarray(generator.generate(prompts[1:2], [7])[0])
    assert all((a == b).all() for a, b in zip(together, again, strict=True))
    assert np.abs(together[1].astype(int) - alone).max() <= 1  # matrix products round with the batch
    assert np.abs(other.astype(int) - alone).mean() > 1
    assert together[0].shape == (32, 32, 3)


@needs_generator
def test_the_generator_refuses_another_backbone(monkeypatch):
    pipeline = MiniDiffusionPipeline.from_pretrained(str(GENERATOR))
    monkeypatch.setattr("clbench_mini.pipeline.weights_digest", lambda _: "another")
    with pytest.raises(ValueError, match="other mini-clip weights"):
        _ = pipeline.text_tower

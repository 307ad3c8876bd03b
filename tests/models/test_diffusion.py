"""Generators from diffusers pipelines: seeded, quiet, identified by content, clear when data are missing."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from clbench.errors import DataError
from clbench.models.diffusion import DiffusersGenerator
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DModel
from diffusers.utils.torch_utils import randn_tensor


class ColourPipeline(DiffusionPipeline):
    """Noise, a small U-Net, and a shade that depends on the prompt's length; the usual call."""

    def __init__(self, unet, scheduler):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(self, prompt, num_inference_steps, guidance_scale, generator, output_type):
        assert output_type == "pil"
        x = randn_tensor(
            (len(prompt), 3, 8, 8), generator=generator, device=self.device, dtype=self.unet.dtype
        )
        self.scheduler.set_timesteps(num_inference_steps)
        for t in self.progress_bar(self.scheduler.timesteps):
            x = self.scheduler.step(self.unet(x, t).sample, t, x).prev_sample
        shade = torch.tensor([len(p) / 20.0 for p in prompt]).view(-1, 1, 1, 1).to(x)
        x = (x * 0.2 + 0.3 + guidance_scale * 0.1 * shade).clamp(0, 1)
        return SimpleNamespace(images=self.numpy_to_pil(x.float().permute(0, 2, 3, 1).numpy()))


def save_colour_pipeline(folder):
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        add_attention=False,
    )
    ColourPipeline(unet, DDIMScheduler()).save_pretrained(str(folder))
    return folder


def save_stable_diffusion(folder, vocabulary):
    """A Stable Diffusion of a few thousand random weights, with its own tokenizer."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    (vocabulary / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (vocabulary / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    StableDiffusionPipeline(
        vae=AutoencoderKL(block_out_channels=(8,), norm_num_groups=4, sample_size=8),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokens),
                hidden_size=8,
                intermediate_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=16,
                bos_token_id=len(tokens) - 2,
                eos_token_id=len(tokens) - 1,
            )
        ),
        tokenizer=CLIPTokenizer(
            str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"), model_max_length=16
        ),
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(8,),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            mid_block_type=None,
            cross_attention_dim=8,
            attention_head_dim=4,
        ),
        scheduler=PNDMScheduler(skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    return save_colour_pipeline(tmp_path_factory.mktemp("colour"))


@pytest.fixture(scope="module")
def stable(tmp_path_factory):
    return save_stable_diffusion(tmp_path_factory.mktemp("sd"), tmp_path_factory.mktemp("vocabulary"))


def colours(folder, **arguments):
    return DiffusersGenerator(
        "colours", folder, steps=2, guidance=1.0, pipeline_class=ColourPipeline, **arguments
    )


def grey(image):
    return np.asarray(image).astype(int)


PROMPTS, SEEDS = ["a cat", "a long red dog", "a cat", "a fox", "an owl"], [1, 2, 1, 4, 5]


def test_an_image_depends_on_its_prompt_and_seed_only(colour):
    together = colours(colour).generate(PROMPTS, SEEDS)
    for size in (1, 2):
        apart = colours(colour, batch_size=size).generate(PROMPTS, SEEDS)
        for one, other in zip(together, apart, strict=True):
            assert np.abs(grey(one) - grey(other)).max() <= 1  # a grey level of rounding
    assert np.abs(grey(together[0]) - grey(together[2])).max() <= 1
    assert np.abs(grey(together[0]) - grey(together[3])).max() > 10
    assert [image.mode for image in together] == ["RGB"] * 5


def test_the_same_call_gives_the_same_images(colour):
    one, other = (colours(colour).generate(PROMPTS, SEEDS) for _ in range(2))
    assert all(np.array_equal(grey(a), grey(b)) for a, b in zip(one, other, strict=True))


def test_steps_and_guidance_have_defaults_and_can_be_given(colour):
    generator = colours(colour)
    (default,) = generator.generate(["a cat"], [1])
    (same,) = generator.generate(["a cat"], [1], steps=2, guidance=1.0)
    (steps,) = generator.generate(["a cat"], [1], steps=5)
    (guided,) = generator.generate(["a cat"], [1], guidance=5.0)
    assert np.array_equal(grey(default), grey(same))
    assert not np.array_equal(grey(default), grey(steps))
    assert grey(guided).mean() > grey(default).mean()


def test_progress_counts_images_and_nothing_is_printed(colour, capfd):
    done = []
    colours(colour, batch_size=2).generate(PROMPTS, SEEDS, progress=done.append)
    assert done == [2, 4, 5]
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "it/s" not in printed.err


def test_stable_diffusion_runs_as_it_is(stable):
    generator = DiffusersGenerator("tiny-sd", stable, steps=2)
    one, other, same = generator.generate(["a cat", "a dog", "a cat"], [1, 2, 1])
    assert np.abs(grey(one) - grey(same)).max() <= 1
    assert np.abs(grey(one) - grey(other)).max() > 10


def test_the_pipeline_class_may_be_a_reference(stable):
    generator = DiffusersGenerator(
        "tiny-sd", stable, steps=2, pipeline_class="diffusers:StableDiffusionPipeline"
    )
    assert len(generator.generate(["a cat"], [1])) == 1


def test_the_digest_follows_weights_configuration_and_arithmetic(colour, tmp_path):
    digest = colours(colour).digest
    copy = shutil.copytree(colour, tmp_path / "copy")
    assert colours(copy).digest == digest
    assert colours(copy, dtype="bfloat16").digest != digest
    (copy / "README.md").write_text("words")
    assert colours(copy).digest == digest
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("1000", "999"))
    assert colours(copy).digest != digest
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    shutil.copytree(colour, copy, dirs_exist_ok=True)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert colours(copy).digest != digest


def test_the_digest_needs_no_pipeline(colour, monkeypatch):
    monkeypatch.setattr(ColourPipeline, "from_pretrained", None)
    assert len(colours(colour).digest) == 64


def test_pickled_weights_are_refused(colour, tmp_path):
    copy = shutil.copytree(colour, tmp_path / "copy")
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(DataError, match="cannot be loaded"):
        colours(copy).generate(["a cat"], [1])


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"model_index\.json"):
        _ = DiffusersGenerator("g", tmp_path).digest
    with pytest.raises(DataError, match="no directory"):
        _ = DiffusersGenerator("g", tmp_path / "absent").digest

    def refuse(*_args, **_kwargs):
        raise OSError("the hub cannot be reached\nlong story")

    monkeypatch.setattr(DiffusionPipeline, "download", refuse)
    with pytest.raises(DataError) as caught:
        DiffusersGenerator("g", "owner/absent").generate(["a cat"], [1])
    assert "owner/absent" in caught.value.what
    assert caught.value.why == "the hub cannot be reached"
    assert "HF_HOME" in caught.value.fix


def test_a_hub_repository_is_identified_by_its_commit(colour, tmp_path, monkeypatch):
    def fetched(commit):
        folder = tmp_path / "models--owner--name" / "snapshots" / commit
        shutil.copytree(colour, folder, dirs_exist_ok=True)
        monkeypatch.setattr(DiffusionPipeline, "download", lambda *_a, **_k: str(folder))
        return DiffusersGenerator("g", "owner/name", steps=2, pipeline_class=ColourPipeline)

    one, other = fetched("abc"), fetched("abc")
    assert one.digest == other.digest
    assert one.digest != fetched("def").digest
    assert len(one.generate(["a cat"], [1])) == 1


def test_one_seed_per_prompt(colour):
    with pytest.raises(ValueError, match="one seed per prompt"):
        colours(colour).generate(["a", "b"], [1])

"""Train mini-diffusion on the pre-training icons, told by mini-clip's text tower: on a CPU, by the clock.

Predicts velocity (Salimans & Ho 2022) under a cosine noise schedule, with the loss weights of Hang et
al. 2023 (min-SNR-5). Texts are dropped one time in ten for classifier-free guidance. Keeps an average of
the weights.
The same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from augment import plain
from clbench_mini.pipeline import BLOCK, TextTower
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.training_utils import EMAModel
from open_clip.tokenizer import SimpleTokenizer
from sources import EMOJI_PRETRAIN, FLAGS_PRETRAIN
from tokens import PROMPT_ODDS, PROMPTS
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 128
LEARNING_RATE = 1e-3
DROPPED = 0.1
SNR_CAP = 5.0
COLOURED = 4.0  # coloured icons are drawn this many times as often as black ones
COMMON = 8  # captions of fewer images are left out: too rare to be learned in the time
CHECKPOINT_SECONDS = 150.0
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
}


def denoiser() -> UNet2DConditionModel:
    """Return the untrained U-Net: 8x8 maps of 4x4 pixel blocks, attention to the text at 4x4."""
    return UNet2DConditionModel(
        sample_size=32 // BLOCK,
        in_channels=3 * BLOCK**2,
        out_channels=3 * BLOCK**2,
        down_block_types=("DownBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(128, 192),
        layers_per_block=1,
        norm_num_groups=16,
        attention_head_dim=32,
        cross_attention_dim=192,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=128,
    )


@dataclass(frozen=True)
class Icons:
    """Images on white and their captions, with sampling odds."""

    pixels: np.ndarray  # (N, 32, 32, 4) premultiplied uint8
    rows: np.ndarray  # positions in `pixels`
    captions: list[str]
    odds: Tensor


def load_icons(work: Path) -> Icons:
    """Choose what is worth drawing: frequent captions, and all of the emoji, flags and glyphs."""
    rows = json.loads((work / "pairs.json").read_text())
    pixels = np.load(work / "pairs_rgba.npy", mmap_mode="r")
    of_caption = Counter(caption for caption, _, _ in rows)
    of_pair = Counter((caption, source) for caption, source, _ in rows)
    chosen, odds = [], []
    for index, (caption, source, repeat) in enumerate(rows):
        special = source in EMOJI_PRETRAIN + FLAGS_PRETRAIN or ":" in source
        if not special and of_caption[caption] < COMMON:
            continue
        coloured = pixels[index, ..., :3].max() > 12
        weight = min(1.0, 30 / of_caption[caption]) ** 0.5 / of_pair[caption, source] ** 0.5
        odds.append(weight * (min(repeat, 2) if special else 1) * (COLOURED if coloured else 1.0))
        chosen.append(index)
    return Icons(pixels, np.array(chosen), [rows[i][0] for i in chosen], torch.tensor(odds))


def text_tower(work: Path) -> TextTower:
    """Return the text tower of the last CLIP checkpoint, rounded as it ships."""
    config = json.loads(Path(__file__).with_name("model.json").read_text())["model_cfg"]
    model = open_clip.CLIP(**config)
    weights = torch.load(work / "clip.pt", weights_only=True)["model"]
    model.load_state_dict({name: value.half().float() for name, value in weights.items()})
    return TextTower(
        model.eval().requires_grad_(False), SimpleTokenizer(str(work / "bpe.txt.gz"), context_length=16)
    )


def learning_rate(progress: float) -> float:
    """Return the rate at a share of the training time: warm-up, then a cosine to nearly nothing."""
    if progress < 0.02:
        return LEARNING_RATE * max(progress, 1e-4) / 0.02
    return LEARNING_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def velocity_loss(
    unet: nn.Module,
    schedule: DDPMScheduler,
    images: Tensor,
    texts: tuple[Tensor, Tensor],
    generator: torch.Generator,
) -> Tensor:
    """Return the weighted squared error of the predicted velocity at random times."""
    maps = F.pixel_unshuffle(images, BLOCK)
    times = torch.randint(0, 1000, (len(maps),), generator=generator)
    noise = torch.randn(maps.shape, generator=generator)
    noisy = schedule.add_noise(maps, noise, times)
    target = schedule.get_velocity(maps, noise, times)
    hidden, pooled = texts
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predicted = unet(noisy, times, hidden, class_labels=pooled).sample
    share = schedule.alphas_cumprod[times]
    ratio = share / (1 - share)
    weight = ratio.clamp(max=SNR_CAP) / (ratio + 1)
    loss: Tensor = (weight * (predicted.float() - target).square().mean((1, 2, 3))).mean()
    return loss


def train(work: Path, seconds: float, seed: int) -> None:
    """Train until `seconds` of training time are spent, over all the calls together."""
    torch.manual_seed(seed)
    tower = text_tower(work)
    unet = denoiser()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    average = EMAModel(unet.parameters(), decay=0.9985, use_ema_warmup=True, power=0.75)
    schedule = DDPMScheduler(**SCHEDULE)
    path = work / "diffusion.pt"
    spent, step = 0.0, 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        unet.load_state_dict(state["unet"])
        optimizer.load_state_dict(state["optimizer"])
        average.load_state_dict(state["average"])
        spent, step = state["spent"], state["step"]
    icons = load_icons(work)
    generator = torch.Generator().manual_seed(seed + step)
    odds = torch.tensor(PROMPT_ODDS)
    print(f"{len(icons.rows):,} icons, {sum(p.numel() for p in unet.parameters()):,} parameters", flush=True)
    saved = shown = time.monotonic()
    running = 0.0
    drawn: list[Tensor] = []
    while spent < seconds:
        began = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spent / seconds)
        if not drawn:
            many = torch.multinomial(icons.odds, 100 * BATCH, replacement=True, generator=generator)
            drawn = list(torch.split(many, BATCH))
        chosen = drawn.pop()
        prompt = PROMPTS[int(torch.multinomial(odds, 1, generator=generator))]
        kept = torch.rand(len(chosen), generator=generator) >= DROPPED
        texts = tower(
            [prompt.format(icons.captions[i]) if keep else "" for i, keep in zip(chosen, kept, strict=True)]
        )
        images = plain(torch.from_numpy(icons.pixels[icons.rows[chosen.numpy()]]))
        loss = velocity_loss(unet, schedule, images, texts, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        average.step(unet.parameters())
        step += 1
        running = 0.99 * running + 0.01 * loss.item() if running else loss.item()
        now = time.monotonic()
        spent += min(now - began, 30.0)
        if now - shown > 20:
            print(
                f"step {step} spent {spent:.0f}s loss {running:.4f} {BATCH / (now - began):.0f} images/s",
                flush=True,
            )
            shown = now
        if now - saved > CHECKPOINT_SECONDS or spent >= seconds:
            part = path.with_suffix(".part")
            state = {
                "unet": unet.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "spent": spent,
                "step": step,
            }
            torch.save(state, part)
            part.rename(path)
            saved = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=38.0, help="training time, all calls together")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    train(arguments.work, arguments.minutes * 60, arguments.seed)


if __name__ == "__main__":
    main()

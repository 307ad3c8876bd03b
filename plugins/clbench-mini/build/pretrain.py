"""Pre-train mini-clip on icon-caption pairs: contrastive, on a CPU, by the clock.

The learning rate follows a cosine in *training time spent*, not in steps, so that a run on a busy machine
still ends its schedule in the time it was given. Checkpoints every few minutes; the same command goes on
from the last one.
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
from augment import augment
from open_clip.tokenizer import SimpleTokenizer
from tokens import PROMPT_ODDS, PROMPTS
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.1
WARM_UP = 0.02
MAX_SCALE = math.log(100.0)
CHECKPOINT_SECONDS = 180.0


@dataclass(frozen=True)
class Pairs:
    """Images, the caption of each, token ids of each caption under each prompt, and sampling odds."""

    images: np.ndarray  # (N, 32, 32, 4) uint8
    caption: Tensor  # (N,) index of the caption
    tokens: Tensor  # (captions, prompts, 16)
    odds: Tensor  # (N,)


def load_pairs(work: Path) -> Pairs:
    """Read the assembled pairs; frequent captions and near-copies within a set are drawn less often."""
    rows = json.loads((work / "pairs.json").read_text())
    captions = sorted({caption for caption, _, _ in rows})
    index = {caption: position for position, caption in enumerate(captions)}
    tokenizer = SimpleTokenizer(str(work / "bpe.txt.gz"), context_length=16)
    tokens = torch.stack([tokenizer([prompt.format(c) for c in captions]) for prompt in PROMPTS], 1)
    of_caption = Counter(caption for caption, _, _ in rows)
    of_pair = Counter((caption, source) for caption, source, _ in rows)
    odds = [
        repeat * min(1.0, 50 / of_caption[caption]) ** 0.5 / of_pair[caption, source] ** 0.5
        for caption, source, repeat in rows
    ]
    return Pairs(
        images=np.load(work / "pairs_rgba.npy"),
        caption=torch.tensor([index[caption] for caption, _, _ in rows]),
        tokens=tokens,
        odds=torch.tensor(odds),
    )


def encode_text(model: open_clip.CLIP, tokens: Tensor) -> Tensor:
    """Encode only as many positions as the longest text has: under a causal mask the rest changes nothing."""
    length = int((tokens != 0).sum(1).max())
    tokens = tokens[:, :length]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    features: Tensor = hidden[torch.arange(len(tokens)), tokens.argmax(1)] @ model.text_projection
    return features


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, caption: Tensor) -> Tensor:
    """Return CLIP's symmetric loss; pairs that share a caption are no negatives of one another."""
    logits = scale * F.normalize(images.float(), dim=-1) @ F.normalize(texts.float(), dim=-1).T
    same = (caption[:, None] == caption[None, :]) & ~torch.eye(len(caption), dtype=torch.bool)
    logits = logits.masked_fill(same, float("-inf"))
    target = torch.arange(len(caption))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def learning_rate(progress: float) -> float:
    """Return the rate at a share of the training time: linear warm-up, then a cosine to nearly nothing."""
    if progress < WARM_UP:
        return LEARNING_RATE * max(progress, 1e-4) / WARM_UP
    return LEARNING_RATE * (
        0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))
    )


def optimizer_of(model: nn.Module) -> torch.optim.AdamW:
    """Return AdamW that decays matrices only."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    free = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}],
        lr=LEARNING_RATE,
        betas=(0.9, 0.98),
    )


def train(work: Path, seconds: float, seed: int) -> None:
    """Train until `seconds` of training time are spent, over all the calls together."""
    torch.manual_seed(seed)
    config = json.loads(Path(__file__).with_name("model.json").read_text())["model_cfg"]
    model = open_clip.CLIP(**config)
    optimizer = optimizer_of(model)
    path = work / "clip.pt"
    spent, step = 0.0, 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    pairs = load_pairs(work)
    generator = torch.Generator().manual_seed(seed + step)
    print(
        f"{len(pairs.caption):,} pairs, {sum(p.numel() for p in model.parameters()):,} parameters", flush=True
    )
    prompt_odds = torch.tensor(PROMPT_ODDS)
    saved = shown = time.monotonic()
    accuracy = running = 0.0
    drawn: list[Tensor] = []
    model.train()
    while spent < seconds:
        began = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spent / seconds)
        if not drawn:
            many = torch.multinomial(pairs.odds, 100 * BATCH, replacement=True, generator=generator)
            drawn = list(torch.split(many, BATCH))
        rows = drawn.pop()
        prompt = int(torch.multinomial(prompt_odds, 1, generator=generator))
        caption = pairs.caption[rows]
        images = augment(torch.from_numpy(pairs.images[rows.numpy()]), generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = model.visual(images)
            texts = encode_text(model, pairs.tokens[caption, prompt])
        loss = contrastive_loss(features, texts, model.logit_scale.exp(), caption)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, MAX_SCALE)
        step += 1
        running = 0.98 * running + 0.02 * loss.item() if running else loss.item()
        now = time.monotonic()
        spent += min(now - began, 30.0)
        if now - shown > 20:
            with torch.no_grad():
                scores = F.normalize(features.float(), dim=-1) @ F.normalize(texts.float(), dim=-1).T
                accuracy = float((caption[scores.argmax(1)] == caption).float().mean())
            print(
                f"step {step} spent {spent:.0f}s loss {running:.3f} in-batch {accuracy:.3f} "
                f"scale {model.logit_scale.exp().item():.1f} {BATCH / (now - began):.0f} pairs/s",
                flush=True,
            )
            shown = now
        if now - saved > CHECKPOINT_SECONDS or spent >= seconds:
            part = path.with_suffix(".part")
            torch.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "spent": spent,
                    "step": step,
                },
                part,
            )
            part.rename(path)
            saved = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=56.0, help="training time, all calls together")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    # On a CPU the fused attention's backward pass alone takes longer than all else together at 17 tokens.
    with sdpa_kernel(SDPBackend.MATH):
        train(arguments.work, arguments.minutes * 60, arguments.seed)


if __name__ == "__main__":
    main()

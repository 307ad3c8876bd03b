"""Print the zero-shot accuracy of a pre-training checkpoint on every task."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from datasets import load_dataset
from open_clip.tokenizer import SimpleTokenizer
from prompts import TEMPLATES
from torch import Tensor
from torch.nn import functional as F


def images_of(path: Path) -> tuple[Tensor, Tensor, list[str]]:
    """Return normalised images, labels and class names of a task's Parquet file."""
    data = load_dataset("parquet", data_files=str(path), split="train")
    pixels = np.stack([np.asarray(image) for image in data["image"]])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images, torch.tensor(data["label"]), data.features["label"].names


@torch.no_grad()
def accuracy(model: open_clip.CLIP, tokenizer: SimpleTokenizer, task: str, path: Path) -> tuple[float, int]:
    """Return top-1 accuracy in per cent with the template ensemble, and the number of classes."""
    images, labels, classes = images_of(path)
    features = F.normalize(model.encode_image(images), dim=-1)
    texts = [
        F.normalize(model.encode_text(tokenizer([template.format(c) for c in classes])), dim=-1)
        for template in TEMPLATES[task]
    ]
    scores = features @ F.normalize(torch.stack(texts).mean(0), dim=-1).T
    return 100 * float((scores.argmax(1) == labels).float().mean()), len(classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work: Path = parser.parse_args().work
    model = open_clip.CLIP(**json.loads(Path(__file__).with_name("model.json").read_text())["model_cfg"])
    state = torch.load(work / "clip.pt", weights_only=True)
    model.load_state_dict(state["model"])
    model.eval()
    tokenizer = SimpleTokenizer(str(work / "bpe.txt.gz"), context_length=16)
    found = {
        task: accuracy(model, tokenizer, task, work / "tasks" / f"{task}-test.parquet") for task in TEMPLATES
    }
    for task, (value, classes) in found.items():
        print(f"{task:12s} {value:5.1f}  chance {100 / classes:4.1f}")
    mean = sum(value for value, _ in found.values()) / len(found)
    chance = sum(100 / classes for _, classes in found.values()) / len(found)
    print(f"mean {mean:.1f}  chance {chance:.1f}  step {state['step']}  spent {state['spent']:.0f}s")


if __name__ == "__main__":
    main()

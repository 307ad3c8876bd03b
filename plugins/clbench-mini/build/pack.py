"""Pack what was built into the package: tasks, reference, class pool, backbone, generator, licences.

Weights that were not trained here are left as they are in the package: mini-clip's where there is no
`clip.pt`, the denoiser's without `--generator`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from clbench_mini.pipeline import MiniDiffusionPipeline, weights_digest
from datasets import Dataset, Features, Value, load_dataset
from datasets import Image as ImageFeature
from diffusers import DPMSolverMultistepScheduler
from diffusers.training_utils import EMAModel
from diffusion import SCHEDULE, denoiser
from fonts import GREEK_PRETRAIN, GREEK_TEST, GREEK_TRAIN, HANDWRITING, PRINT, font_licence
from places import Places
from prompts import ORDERS, TEMPLATES, TITLES
from safetensors.torch import save_file
from sources import (
    ALLOWED_LICENCES,
    EMOJI_TEST,
    EMOJI_TRAIN,
    FLAGS_TEST,
    FLAGS_TRAIN,
    collections,
    pretraining_sets,
)
from tasks import png, view

REFERENCE_IMAGES = 4_000
POOL_NAMES = 400
#: Sets that draw things rather than buttons: a name of the class pool occurs in one of them at least.
THING_SETS = frozenset(
    [
        "game-icons",
        "pinhead",
        "healthicons",
        "temaki",
        "maki",
        "roentgen",
        "osmic",
        "medical-icon",
        "fxemoji",
        "streamline-emojis",
    ]
)
DATA = Path(__file__).parents[1] / "src" / "clbench_mini" / "data"
LICENCES = Path(__file__).parents[1] / "LICENSES"


def pack_tasks(work: Path) -> list[dict[str, object]]:
    """Copy the Parquet files and return the catalogue's entries."""
    folder = DATA / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, object]] = []
    for key, title in TITLES.items():
        counts = {}
        classes = 0
        for split in ("train", "test"):
            source = work / "tasks" / f"{key}-{split}.parquet"
            shutil.copy(source, folder / source.name)
            data = load_dataset("parquet", data_files=str(source), split="train")
            counts[split], classes = len(data), len(data.features["label"].names)
            if "group" in data.features:
                counts["groups"] = len(set(data["group"]))
        entries.append(
            {"key": key, "title": title, "templates": TEMPLATES[key], "classes": classes, **counts}
        )
    return entries


def task_names() -> set[frozenset[str]]:
    """Return the words of every class of every task."""
    names = set()
    for path in (DATA / "tasks").glob("*-test.parquet"):
        data = load_dataset("parquet", data_files=str(path), split="train")
        names |= {
            frozenset(name.split()) - {"face"} or frozenset(name.split())
            for name in data.features["label"].names
        }
    return names


def pack_pool(rows: list[tuple[str, str, int]]) -> int:
    """Write the names of things that most sets draw and that are in no task."""
    sets_of: dict[str, set[str]] = {}
    for caption, source, _ in rows:
        if ":" not in source and not caption.startswith("flag of"):
            sets_of.setdefault(caption, set()).add(source)
    taken = task_names()
    names: list[str] = []
    seen: set[frozenset[str]] = set()
    for caption, sets in sorted(sets_of.items(), key=lambda item: (-len(item[1]), item[0])):
        words = frozenset(caption.split())
        alike = (
            {words}
            | {frozenset(word.rstrip("s") for word in words)}
            | {frozenset(f"{word}s" for word in words)}
        )
        if len(caption) < 3 or alike & taken or words in seen or not sets & THING_SETS:
            continue
        seen.add(words)
        names.append(caption)
        if len(names) == POOL_NAMES:
            break
    (DATA / "class_pool.txt").write_text("\n".join(names))
    return len(names)


def pack_reference(work: Path, rows: list[tuple[str, str, int]]) -> int:
    """Write icons of the pre-training side: one picture a caption, on plain grounds."""
    rng = np.random.default_rng(11)
    pixels = np.load(work / "pairs_rgba.npy", mmap_mode="r")
    of_caption = Counter(caption for caption, _, _ in rows)
    weight = np.array(
        [1.0 / of_caption[caption] ** 0.5 if of_caption[caption] >= 3 else 0.0 for caption, _, _ in rows]
    )
    order = rng.choice(len(rows), 6 * REFERENCE_IMAGES, replace=False, p=weight / weight.sum())
    seen: set[str] = set()
    chosen: list[int] = []
    for index in order:
        if rows[index][0] not in seen and len(chosen) < REFERENCE_IMAGES:
            seen.add(rows[index][0])
            chosen.append(int(index))
    columns = {
        "image": [png(view(np.asarray(pixels[i]), bool(rng.random() < 0.5), rng)) for i in chosen],
        "text": [rows[i][0] for i in chosen],
        "source": [rows[i][1] for i in chosen],
    }
    features = Features({"image": ImageFeature(), "text": Value("string"), "source": Value("string")})
    Dataset.from_dict(columns, features=features).to_parquet(DATA / "reference.parquet")
    return len(chosen)


def pack_backbone(work: Path) -> int:
    """Write config, half-precision weights and vocabulary in open_clip's own layout."""
    folder = DATA / "mini-clip"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "bpe.txt.gz"
    if (work / "clip.pt").exists():
        shutil.copy(work / "bpe.txt.gz", vocabulary)
        weights = torch.load(work / "clip.pt", weights_only=True)["model"]
        save_file(
            {name: value.half().contiguous() for name, value in weights.items()},
            folder / "open_clip_model.safetensors",
        )
    elif vocabulary.read_bytes() != (work / "bpe.txt.gz").read_bytes():
        raise SystemExit(f"{work / 'bpe.txt.gz'} is not the vocabulary that the package's weights know")
    shutil.copy(Path(__file__).with_name("model.json"), folder / "open_clip_config.json")
    config = json.loads((folder / "open_clip_config.json").read_text())
    return sum(p.numel() for p in open_clip.CLIP(**config["model_cfg"]).parameters())


def pack_generator(work: Path) -> None:
    """Write the averaged denoiser as a diffusers pipeline, in half precision."""
    state = torch.load(work / "diffusion.pt", weights_only=True)
    unet = denoiser()
    average = EMAModel(unet.parameters())
    average.load_state_dict(state["average"])
    average.copy_to(unet.parameters())
    scheduler = DPMSolverMultistepScheduler(**SCHEDULE, solver_order=2, timestep_spacing="trailing")
    pipeline = MiniDiffusionPipeline(unet.half(), scheduler, weights_digest(DATA / "mini-clip"))
    pipeline.save_pretrained(DATA / "mini-diffusion", safe_serialization=True)
    for path in (DATA / "mini-diffusion").rglob("*.safetensors"):
        path.chmod(0o644)


def pack_sources(work: Path, rows: list[tuple[str, str, int]]) -> list[dict[str, object]]:
    """Write ATTRIBUTION.md and return one entry a source: what it is used for, author, licence, images."""
    places = Places(work)
    known, packages = collections(places.icons), places.fonts
    images = Counter(source for _, source, _ in rows)
    uses = {prefix: "pre-training" for prefix in pretraining_sets(places.icons) if images[prefix]}
    uses |= dict.fromkeys(EMOJI_TRAIN + FLAGS_TRAIN, "task training") | dict.fromkeys(
        EMOJI_TEST + FLAGS_TEST, "task test"
    )
    entries: list[dict[str, object]] = []
    for prefix, use in sorted(uses.items()):
        licence = known[prefix]["license"]["spdx"]
        author = known[prefix]["author"]
        entry = {"source": prefix, "title": known[prefix]["name"], "author": author["name"]}
        entry |= {"url": author.get("url", ""), "licence": licence, "use": use}
        entries.append({**entry, "images": images[prefix]})
    fonts = dict.fromkeys(HANDWRITING + PRINT + GREEK_PRETRAIN, "pre-training")
    fonts |= dict.fromkeys(GREEK_TRAIN, "task training") | dict.fromkeys(GREEK_TEST, "task test")
    for family, use in sorted(fonts.items()):
        licence, author = font_licence(packages, family)
        entry = {
            "source": f"font:{family}",
            "title": family,
            "author": author.split(" (http")[0],
            "url": f"https://fontsource.org/fonts/{family}",
            "licence": licence,
        }
        entries.append({**entry, "use": use, "images": images[f"font:{family}"]})
    digits = (
        "uci-optical-digits",
        "Optical Recognition of Handwritten Digits",
        "E. Alpaydin, C. Kaynak",
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        "CC-BY-4.0",
    )
    repository = "https://github.com/zalandoresearch/fashion-mnist"
    clothes = ("fashion-mnist", "Fashion-MNIST", "Copyright (c) 2017 Zalando SE", repository, "MIT")
    for source, title, author, url, licence in (digits, clothes):
        entry = {"source": source, "title": title, "author": author, "url": url, "licence": licence}
        entries.append({**entry, "use": "task training and test", "images": 0})
    refused = [entry["source"] for entry in entries if entry["licence"] not in ALLOWED_LICENCES]
    if refused:
        raise SystemExit(f"licence not accepted: {refused}")
    lines = [
        "# Sources and licences",
        "",
        "Icons, fonts and pictures that this package's images are drawn from: resized to 32×32 pixels,",
        "recoloured, scaled and turned. Weights were trained on those whose use is pre-training; the number",
        "of images is theirs. The texts of the licences are in the package's LICENSES folder; when it is",
        "installed, in its dist-info/licenses.",
        "",
        "| source | title | author | where | licence | use | pre-training images |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        "| " + " | ".join(str(value).replace("|", "/") for value in entry.values()) + " |"
        for entry in entries
    ]
    (DATA / "ATTRIBUTION.md").write_text("\n".join(lines) + "\n")
    return entries


def pack_licences(work: Path, sources: list[dict[str, object]]) -> None:
    """Write the text of every licence that a source has, as SPDX has it, and no other."""
    shutil.rmtree(LICENCES, ignore_errors=True)
    LICENCES.mkdir()
    for name in sorted({str(source["licence"]) for source in sources}):
        text = json.loads((Places(work).licences / f"{name}.json").read_text(encoding="utf-8"))["licenseText"]
        (LICENCES / f"{name}.txt").write_text(text.strip() + "\n", encoding="utf-8")


def pack_concepts(rows: list[tuple[str, str, int]]) -> None:
    """Write how many pre-training images each caption has: what mini-clip has seen."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["caption", "images"])
    counts = Counter(caption for caption, _, _ in rows)
    ordered: list[tuple[str, int]] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    writer.writerows(ordered)
    with gzip.GzipFile(DATA / "concepts.csv.gz", "wb", mtime=0) as stream:
        stream.write(text.getvalue().encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--generator", action="store_true", help="pack the denoiser as well")
    arguments = parser.parse_args()
    work: Path = arguments.work
    rows: list[tuple[str, str, int]] = [tuple(row) for row in json.loads((work / "pairs.json").read_text())]
    DATA.mkdir(parents=True, exist_ok=True)
    tasks = pack_tasks(work)
    content: dict[str, Any] = {
        "tasks": tasks,
        "orders": ORDERS,
        "reference": pack_reference(work, rows),
        "class_pool": pack_pool(rows),
        "backbone_parameters": pack_backbone(work),
        "pretraining_pairs": len(rows),
        "sources": pack_sources(work, rows),
    }
    pack_licences(work, content["sources"])
    pack_concepts(rows)
    (DATA / "stream.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if arguments.generator:
        pack_generator(work)
    size = sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {DATA.name}/")


if __name__ == "__main__":
    main()

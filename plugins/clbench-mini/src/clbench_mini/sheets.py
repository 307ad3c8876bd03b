"""Contact sheets: many small pictures with their names, on one image."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.errors import UnknownNameError
from PIL import Image, ImageDraw, ImageFont

from clbench_mini.files import catalogue, class_names, task_file
from clbench_mini.stream import parquet

__all__ = ["contact_sheet", "generated_sheet", "stream_sheet", "task_sheet"]

_CAPTION = 12
_GAP = 4


def contact_sheet(
    images: Sequence[Image.Image], captions: Sequence[str], columns: int = 8, side: int = 64
) -> Image.Image:
    """Return the pictures in rows of ``columns``, each enlarged to ``side`` pixels, its caption below it."""
    rows = -(-len(images) // columns)
    cell_width, cell_height = side + _GAP, side + _CAPTION + _GAP
    whole = Image.new("RGB", (columns * cell_width + _GAP, rows * cell_height + _GAP), (240, 240, 240))
    pen = ImageDraw.Draw(whole)
    font = ImageFont.load_default(9)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = _GAP + index % columns * cell_width, _GAP + index // columns * cell_height
        whole.paste(image.convert("RGB").resize((side, side), Image.Resampling.NEAREST), (left, top))
        text = caption
        while text and pen.textlength(text, font=font) > side:
            text = text[:-1]
        pen.text((left, top + side + 1), text, fill=(40, 40, 40), font=font)
    return whole


def task_sheet(key: str, split: str = "test", each: int = 4) -> Image.Image:
    """Show up to ``each`` images of every class of a task.

    Raises:
        UnknownNameError: there is no such task.
    """
    known = [entry["key"] for entry in catalogue()["tasks"]]
    if key not in known:
        raise UnknownNameError("task of stream mini", key, known)
    images, captions = _samples(key, split, each)
    return contact_sheet(images, captions, columns=20, side=48)


def stream_sheet(columns: int = 16) -> Image.Image:
    """Show one row of test images of every task, of classes spread over the task."""
    images: list[Image.Image] = []
    captions: list[str] = []
    for entry in catalogue()["tasks"]:
        found, names = _samples(entry["key"], "test", -(-columns // entry["classes"]))
        chosen = [round(i * (len(found) - 1) / (columns - 1)) for i in range(columns)]
        images += [found[i] for i in chosen]
        captions += [names[i] for i in chosen]
    return contact_sheet(images, captions, columns=columns, side=48)


def generated_sheet(count: int = 64) -> Image.Image:
    """Show one generated image each of ``count`` names: half of the class pool, half of the tasks."""
    from clbench_mini.models import mini_diffusion

    half = count // 2
    names = [(name, f"a photo of a {name}.") for name in class_names()[: half * 3 : 3]]
    for entry in catalogue()["tasks"]:
        classes = parquet(task_file(entry["key"], "test")).features["label"].names
        names += [
            (name, entry["templates"][0].format(name)) for name in classes[:: max(1, len(classes) // 4)]
        ]
    names = names[:count]
    images = mini_diffusion("cpu").generate([prompt for _, prompt in names], list(range(len(names))))
    return contact_sheet(images, [name for name, _ in names], columns=16, side=48)


def _samples(key: str, split: str, each: int) -> tuple[list[Image.Image], list[str]]:
    """Up to ``each`` images of every class, class by class, spread over the sources."""
    data = parquet(task_file(key, split))
    names = data.features["label"].names
    rows: dict[int, list[int]] = {label: [] for label in range(len(names))}
    for index, label in enumerate(data["label"]):
        rows[label].append(index)
    chosen = [i for label in rows for i in rows[label][:: max(1, len(rows[label]) // each)][:each]]
    return [data[i]["image"] for i in chosen], [names[data[i]["label"]] for i in chosen]

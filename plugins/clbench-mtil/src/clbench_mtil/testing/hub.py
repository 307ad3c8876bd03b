"""A miniature as its repository on the hub has it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from clbench_mtil.catalogue import document
from clbench_mtil.testing.pieces import write_lines

__all__ = ["write_hub"]


def write_hub(key: str, root: Path, folder: Path) -> None:
    """Write the data set ``key`` that is under ``root`` as its repository on the hub has it, into ``folder``.

    Parquet files of the schema of the hub: a column of images with name and bytes (PNG where torchvision has
    arrays), one of class labels with names, and a card that names configuration and splits.
    """
    import datasets
    from PIL import Image

    from clbench_mtil.folder import read

    entry, found = document("hub.toml")[key], read(key, root)
    place = folder / entry["path"]
    rows = ["---", "configs:", f"- config_name: {entry['config']}", "  data_files:"]
    for part, split in entry["splits"].items():
        samples = found.parts[part]
        content = [_encoded(image, Image) for image in samples.images]
        features = {
            entry["image"]: datasets.Image(),
            entry["label"]: datasets.ClassLabel(names=list(found.names)),
        }
        table = datasets.Dataset.from_dict(
            {entry["image"]: content, entry["label"]: list(samples.labels)}, datasets.Features(features)
        )
        table.to_parquet(place / f"data/{split}-00000-of-00001.parquet")
        rows += [f"  - split: {split}", f"    path: data/{split}-*"]
    write_lines(place / "README.md", [*rows, "---"])


def _encoded(image: str | bytes, library: Any) -> dict[str, Any]:
    """A cell of the image column."""
    if isinstance(image, str):
        return {"bytes": Path(image).read_bytes(), "path": Path(image).name}
    out = BytesIO()
    library.open(BytesIO(image)).save(out, format="PNG")
    return {"bytes": out.getvalue(), "path": None}

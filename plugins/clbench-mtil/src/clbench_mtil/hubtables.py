"""Tables of the Hugging Face hub through ``datasets``, which fetches them once and keeps them on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import ClbenchError, DataError

from clbench_mtil.catalogue import data_set
from clbench_mtil.hubcopies import HubCopy
from clbench_mtil.revisions import commit

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["load", "pixels"]


def load(copy: HubCopy, splits: Iterable[str], copies: Path | None) -> Dataset:
    """Load the rows of ``splits``, one after the other, with images undecoded in the column ``image``.

    Args:
        copy: of which data set.
        splits: names of the copy's own splits.
        copies: a folder with clones of the repositories, to be read instead.

    Raises:
        DataError: they cannot be fetched, or there is no such column.
    """
    import datasets

    place = str(copies / copy.path) if copies else copy.path
    asked = "+".join(splits)
    revision = None if copies else commit(copy)
    try:
        table = datasets.load_dataset(place, copy.config, split=asked, revision=revision)
        table = table.cast_column(copy.image, datasets.Image(decode=False))
        return table if copy.image == "image" else table.rename_column(copy.image, "image")
    except ClbenchError:
        raise
    except Exception as error:
        # whatever the library, the connection or an unexpected column leads to
        raise DataError(
            f"{data_set(copy.key).title} cannot be read from the hub",
            why=f"{place}{f' at {revision[:12]}' if revision else ''}, {asked}: "
            f"{type(error).__name__}: {error}",
            fix="check the connection, or unset CLBENCH_MTIL_SOURCE and put the data into a folder",
        ) from error


def pixels(table: Dataset) -> Dataset:
    """Turn images into what a folder has of arrays: PGM and PPM, byte for byte.

    The library keeps the result, so that this is done once.
    """
    import datasets

    features = datasets.Features({"image": datasets.Image(decode=False)})
    return table.select_columns(["image"]).map(_portable, features=features, desc="reading pixels")


def _portable(row: dict[str, Any]) -> dict[str, Any]:
    from io import BytesIO

    import numpy as np
    import PIL.Image

    from clbench_mtil.folder import portable

    with PIL.Image.open(BytesIO(row["image"]["bytes"])) as image:
        return {"image": {"bytes": portable(np.asarray(image)), "path": None}}

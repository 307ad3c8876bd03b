"""Files to download: the board in formats for programs, records with their predictions, published figures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.boards.formats.writing import frame_as_csv, frame_as_json
from clbench.boards.site.contents import Contents, Run
from clbench.boards.site.literature import Published
from clbench.results.metrics import METRICS
from clbench.results.store import RECORD_FILE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Download", "data_files", "published_records", "record_files", "run_downloads"]


@dataclass(frozen=True)
class Download:
    """A file beside a page: its name, what it is, and its size in bytes."""

    name: str
    about: str
    size: int

    @property
    def text(self) -> str:
        """The size for people."""
        return f"{self.size / 1e6:.1f} MB" if self.size >= 1e6 else f"{max(self.size / 1e3, 0.1):.1f} kB"


def data_files(contents: Contents, literature: Published) -> dict[str, bytes]:
    """Return the files under ``data/`` by path: all rows, all runs, and the published files as they are."""
    files = {}
    for name, frame in (("board", contents.board.frame), ("runs", _runs(contents))):
        files[f"data/{name}.csv"] = frame_as_csv(frame).encode()
        files[f"data/{name}.json"] = (frame_as_json(frame) + "\n").encode()
        files[f"data/{name}.parquet"] = _parquet(frame)
    for name, path in literature.files.items():
        files[f"data/published/{name}"] = path.read_bytes()
    return files


def _runs(contents: Contents) -> pd.DataFrame:
    import pandas as pd

    names = ["run", "method", "stream", "order", "backbone", "label_space", "seed", "status", *METRICS]
    names += ["fingerprint", "run_id", "version", "commit", "page"]
    rows = []
    for run in contents.runs:
        record = run.record
        values = {} if record.metrics is None else record.metrics.model_dump()
        rows.append(
            {
                "run": run.name,
                "method": record.method.name,
                "stream": record.stream.name,
                "order": record.stream.order,
                "backbone": record.backbone.name,
                "label_space": record.label_space,
                "seed": record.seed,
                "status": record.status,
                **values,
                "fingerprint": record.fingerprint.digest,
                "run_id": record.run_id,
                "version": record.method.version,
                "commit": record.provenance.commit,
                "page": f"runs/{run.name}/index.html",
            }
        )
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(METRICS, "float64"))


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def run_downloads(run: Run, *, predictions: bool) -> list[Download]:
    """Return what lies beside the page of ``run``."""
    found = [Download(name, about, path.stat().st_size) for name, path, about in _beside(run, predictions)]
    return found if run.published is None else [replace(found[0], size=len(run.published)), *found[1:]]


def record_files(contents: Contents, *, predictions: bool) -> Iterator[tuple[str, Path]]:
    """Yield path on the site and source of each record, and of its predictions where they are kept.

    Of records that something was left out of, :func:`published_records` has the content.
    """
    for run in contents.runs:
        for name, path, _ in _beside(run, predictions):
            yield f"runs/{run.name}/{name}", path


def published_records(contents: Contents) -> dict[str, bytes]:
    """Return, by path on the site, the records that are not published as they are."""
    return {f"runs/{run.name}/{RECORD_FILE}": run.published for run in contents.runs if run.published}


def _beside(run: Run, predictions: bool) -> Iterator[tuple[str, Path, str]]:
    yield RECORD_FILE, run.source, "the record: configuration, matrices, provenance"
    kept = run.record.predictions
    if predictions and kept is not None:
        path = run.source.parent / kept.file
        # Only a plain file beside the record: a record must not make a site publish anything else.
        if Path(kept.file).name == kept.file and path.is_file() and not path.is_symlink():
            yield kept.file, path, f"every prediction, SHA-256 {kept.sha256}"

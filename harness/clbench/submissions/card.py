"""The card of a data set of published runs: what its user wrote stays, the runs are listed anew."""

from __future__ import annotations

import re
from typing import Any

from clbench.errors import PublishError
from clbench.submissions.index import Index
from clbench.submissions.tables import ACCURACIES_FILE, RUNS_FILE
from clbench.submissions.verification import UNKNOWABLE

__all__ = ["CARD_FILE", "card"]

CARD_FILE = "README.md"

_BEGIN, _END = "<!-- runs: written by clbench -->", "<!-- end of runs -->"
_LISTED = 200
_TAGS = ("clbench", "continual-learning", "vision-language-models")


def card(repo: str, index: Index, before: bytes | None, *, license: str | None) -> bytes:
    """Return the card of the data set ``repo`` with the runs of ``index``.

    Args:
        repo: ``ORG/NAME``.
        index: its runs.
        before: the card that it has; text, license and tags in it are kept.
        license: replaces the card's.

    Raises:
        PublishError: no license is named here or in the card.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    if before is not None:
        found: Any = DatasetCard(before.decode(errors="replace"), ignore_metadata_errors=True)
        data, text = found.data, str(found.text)
    else:
        data, text = DatasetCardData(pretty_name=f"{repo.partition('/')[2]}: runs of clbench"), ""
    data["license"] = license or data.get("license")
    if not data["license"]:
        raise PublishError(
            f"the card of {repo} names no license",
            why="whoever uses the results must know what they may do",
            fix="--license cc-by-4.0, or another as the hub names them",
        )
    tags = data.get("tags") or []
    data["tags"] = list(dict.fromkeys([*([tags] if isinstance(tags, str) else tags), *_TAGS]))
    data["configs"] = [
        {"config_name": "runs", "default": True, "data_files": RUNS_FILE},
        {"config_name": "accuracies", "data_files": ACCURACIES_FILE},
    ]
    listed = f"{_BEGIN}\n{_listing(repo, index)}\n{_END}"
    if _BEGIN in text and _END in text:
        text = re.sub(
            f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: listed, text, count=1, flags=re.DOTALL
        )
    else:
        text = f"{text.strip()}\n\n{listed}\n" if text.strip() else f"{_introduction(repo)}\n\n{listed}\n"
    return f"---\n{data.to_yaml()}\n---\n\n{text.lstrip()}".encode()


def _introduction(repo: str) -> str:
    unknown = "\n".join(f"* {line}" for line in UNKNOWABLE)
    return f"""# {repo.partition("/")[2]}

Runs of continual learning of vision-language models, made with `clbench`: each with its record, its settings
and the answer to every test image. `index.json` names all files with their SHA-256.

```python
from datasets import load_dataset

runs = load_dataset("{repo}", "runs")  # a row for each run
accuracies = load_dataset("{repo}", "accuracies")  # a row for each accuracy
```

Every figure can be computed again from the answers, without a model:

```console
$ hf download {repo} --repo-type dataset --local-dir published
$ clbench verify published/runs
$ clbench admit published/runs --into records --new-table
$ clbench leaderboard records
```

What that cannot say:

{unknown}"""


def _listing(repo: str, index: Index) -> str:
    figures = ("transfer", "average", "last")
    lines = [
        "| Method | Stream | Order | Backbone | Protocol | Seed | Transfer | Average | Last | File |",
        "|:--|:--|:--|:--|:--|--:|--:|--:|--:|:--|",
    ]
    for entry in index.entries[:_LISTED]:
        cells = [str(entry[name]) for name in ("method", "stream", "order", "backbone")]
        cells = [cell.replace("|", "\\|") for cell in cells]
        cells += [str(entry["fingerprint"])[:8], str(entry["seed"])]
        cells += ["–" if entry[name] is None else f"{entry[name]:.2f}" for name in figures]
        url = f"https://huggingface.co/datasets/{repo}/resolve/main/{entry['file']}"
        lines.append(f"| {' | '.join(cells)} | [{entry['sha256'][:8]}]({url}) |")
    lines.append("\nFigures of different streams, orders or protocols (fingerprints) cannot be compared.")
    if len(index.entries) > _LISTED:
        lines.append(f"\n… and {len(index.entries) - _LISTED} more in `{RUNS_FILE}`.")
    return "\n".join(lines)

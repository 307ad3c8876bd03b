"""What a verification found, for people: as text, and as Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clbench.printing import one_line
from clbench.results.records import Record
from clbench.submissions.checks import Outcome
from clbench.submissions.verification import UNKNOWABLE, Verification

__all__ = ["MARKS", "as_markdown", "headline", "verdict"]

MARKS: dict[Outcome, str] = {"passed": "✓", "failed": "✗", "not checkable": "–"}
_TITLE_METRICS = ("transfer", "average", "last")


def headline(record: Record) -> str:
    """One line: what run this is and what it scored."""
    stream = record.stream
    figures = [
        f"{name.capitalize()} {value:.2f}"
        for name in _TITLE_METRICS
        if record.metrics is not None and (value := getattr(record.metrics, name)) is not None
    ]
    title = one_line(record.method.title or record.method.name)
    where = f"{title} on {stream.name}, order {stream.order}, {record.backbone.name}, seed {record.seed}"
    return f"{where}: {', '.join(figures)}" if figures else where


def verdict(found: Verification) -> str:
    """``verified: 16 checks passed, 1 not checkable here`` or ``NOT verified: …``."""
    counts = [f"{len(found.of('failed'))} failed"] if found.of("failed") else []
    counts.append(f"{len(found.of('passed'))} checks passed")
    if found.of("not checkable"):
        counts.append(f"{len(found.of('not checkable'))} not checkable here")
    return f"{'verified' if found.verified else 'NOT verified'}: {', '.join(counts)}"


def as_markdown(every: Sequence[Verification]) -> str:
    """All verifications, the failed ones first and open, with what no check can say at the end."""
    bad = sum(not found.verified for found in every)
    noun = "submission" if len(every) == 1 else "submissions"
    said = f"{bad} of {len(every)} {noun} NOT verified" if bad else f"{len(every)} {noun} verified"
    lines = [f"## {'❌' if bad else '✅'} {said}", ""]
    for found in sorted(every, key=lambda each: each.verified):
        lines += [*_section(found), ""]
    lines += ["No check can say:", "", *(f"- {line}" for line in UNKNOWABLE), ""]
    return "\n".join(lines)


def _section(found: Verification) -> Iterator[str]:
    mark = "✅" if found.verified else "❌"
    yield f"### {mark} {_cell(str(found.source).rpartition('/')[2])}"
    yield ""
    if found.record is not None:
        yield f"{_cell(headline(found.record))}  "
    if found.sha256 is not None:
        yield f"SHA-256 `{found.sha256}`"
    yield ""
    if found.verified:
        yield f"<details><summary>{verdict(found)}</summary>"
        yield ""
    yield "| | check | what was found |"
    yield "|---|---|---|"
    for check in found.checks:
        details = "".join(f"<br>• {_cell(line)}" for line in check.details)
        yield f"| {MARKS[check.outcome]} | {check.name} | {_cell(check.sentence)}{details} |"
    if found.verified:
        yield ""
        yield "</details>"


def _cell(text: str) -> str:
    """Foreign text that must not become Markdown or HTML of the page."""
    joined = " ".join(text.split())
    for character, safe in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "'"),
        ("@", "&#64;"),
    ):
        joined = joined.replace(character, safe)
    for character in "[]*_":
        joined = joined.replace(character, f"\\{character}")
    return joined

"""Everything about a submission that can be computed again, and in words what cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clbench.errors import ClbenchError, RecordError, SubmissionError
from clbench.plugins import Registry
from clbench.results.records import Record
from clbench.submissions.archive import Submission, pack, read_submission
from clbench.submissions.checks import Check, Outcome, concluded, failed, passed, unchecked
from clbench.submissions.manifest import MANIFEST_FILE, Manifest
from clbench.submissions.methodcheck import check_method
from clbench.submissions.originchecks import ORIGIN_CHECKS
from clbench.submissions.predictionchecks import PREDICTION_CHECKS, check_file
from clbench.submissions.recordchecks import RECORD_CHECKS, check_schema
from clbench.submissions.streamchecks import check_data, check_stream
from clbench.submissions.weightscheck import check_weights

__all__ = ["UNKNOWABLE", "Verification", "verify"]

UNKNOWABLE = (
    "that the answers came from this method with these settings: nothing was trained or scored again",
    "that nothing but the stream's training data was learned from",
    "that seconds, memory, parameters, machine, versions and commit are as stated: they are the "
    "submitter's word, and only the file's SHA-256 tells whether they were changed since",
)
"""What no check here can say."""


@dataclass(frozen=True)
class Verification:
    """What the checks of one submission found.

    Attributes:
        source: the file, the folder of a run, or the address of what is published.
        submission: what was checked, if it can be read.
        record: what it holds, if that can be read.
        checks: in the order in which they were made.
    """

    source: Path | str
    submission: Submission | None
    record: Record | None
    checks: tuple[Check, ...]

    @property
    def sha256(self) -> str | None:
        """Of the file, or of what a folder packs to."""
        return self.submission.sha256 if self.submission is not None else None

    @property
    def verified(self) -> bool:
        """Whether no check failed."""
        return not self.of("failed")

    def of(self, outcome: Outcome) -> tuple[Check, ...]:
        """The checks that ended so."""
        return tuple(check for check in self.checks if check.outcome == outcome)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON-serialisable values."""
        record = self.record
        return {
            "source": str(self.source),
            "verified": self.verified,
            "sha256": self.sha256,
            "run_id": record.run_id if record else None,
            "checks": [{**asdict(check), "details": list(check.details)} for check in self.checks],
            "not_known": list(UNKNOWABLE),
        }


def verify(
    source: Path | Submission,
    registry: Registry,
    *,
    sha256: str | None = None,
    data: bool = True,
    weights: bool = False,
    stream: Path | None = None,
) -> Verification:
    """Check the submission in the file ``source``, or what the folder of a run would be submitted as.

    Nothing is raised for what is wrong with it: that is in the checks.

    Args:
        source: a submission, or a run's folder with its record and predictions; or what was read or packed.
        registry: the plugins; what they lack is ``not checkable``.
        sha256: digest of the file that its author published, in hexadecimal digits.
        data: compare with the stream's data where they are here.
        weights: load the backbone and compare its weights, too.
        stream: the YAML file of a stream that no plugin gives.
    """
    place = Path(source.name) if isinstance(source, Submission) else source
    packed = place.is_dir() and not isinstance(source, Submission)
    try:
        if isinstance(source, Submission):
            submission = source
        else:
            submission = pack(source) if packed else read_submission(source)
    except ClbenchError as error:
        # What a record's own error would have its owner do is nothing to its reader.
        of_record = isinstance(error, RecordError)
        details = [part for part in (error.why, "" if of_record else error.fix) if part]
        check = failed("schema" if of_record else "archive", error.what, details)
        return Verification(place, None, None, (check,))
    checks = [*_archive_checks(submission, packed=packed)]
    if sha256 is not None:
        checks.append(_check_digest(submission, sha256))
    schema, record = check_schema(submission)
    checks.append(schema)
    if record is not None:
        checks += _content_checks(submission, record, registry, data=data, weights=weights, stream=stream)
    return Verification(place, submission, record, tuple(checks))


def _archive_checks(submission: Submission, *, packed: bool) -> Iterator[Check]:
    size = f"{len(submission.content):,} bytes"
    if packed:
        yield passed("archive", f"a run's folder, packed here: {size}")
        return
    members = ", ".join(submission.members)
    yield passed("archive", f"{size}, each as its content demands: {members}")
    bad = "the file is not what its manifest says"
    try:
        manifest = Manifest.from_json(submission.members[MANIFEST_FILE])
    except SubmissionError as error:
        yield failed("manifest", error.what, [part for part in (error.why, error.fix) if part])
        return
    good = f"every member has the SHA-256 in the manifest of clbench {manifest.clbench}"
    yield concluded("manifest", good, bad, manifest.differences(submission.members))


def _check_digest(submission: Submission, wanted: str) -> Check:
    given = wanted.strip().lower()
    same = given == submission.sha256
    lines = [] if same else [f"the file has {submission.sha256}, {given} was published"]
    good = "the file has the SHA-256 that was published: no digit of it was changed since"
    return concluded("published digest", good, "this is not the file that was published", lines)


def _content_checks(
    submission: Submission,
    record: Record,
    registry: Registry,
    *,
    data: bool,
    weights: bool,
    stream: Path | None,
) -> Iterator[Check]:
    for look in (*RECORD_CHECKS, *ORIGIN_CHECKS):
        yield look(record)
    check, predictions = check_file(submission, record)
    yield check
    if predictions is not None:
        for compare in PREDICTION_CHECKS:
            yield compare(record, predictions)
    yield check_method(record, registry)
    yield check_stream(record, registry, stream)
    if data:
        yield check_data(record, predictions, registry, stream)
    else:
        yield unchecked("data", "images and labels were left out on request (--no-data)")
    if weights:
        yield check_weights(record, registry)
    else:
        yield unchecked("weights", "the backbone was not loaded: --weights does it")

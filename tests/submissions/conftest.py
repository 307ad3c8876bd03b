"""Real runs of the embedded benchmark, and what a forger would make of them."""

import json
from pathlib import Path

import pytest
from clbench.plugins import get_registry
from clbench.submissions import pack
from clbench.submissions.container import joined
from clbench.submissions.manifest import MANIFEST_FILE, Manifest

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records"


@pytest.fixture(scope="session")
def registry():
    return get_registry()


@pytest.fixture(scope="session")
def run():
    """The folder of a real run."""
    return RECORDS / "I" / "zscl-seed0"


@pytest.fixture(scope="session")
def submission(run):
    return pack(run)


@pytest.fixture(scope="session")
def document(run):
    return json.loads((run / "record.json").read_text())


@pytest.fixture(scope="session")
def records_folder():
    """The records of the embedded benchmark's leaderboard, ORDER/METHOD-seedN."""
    return RECORDS


@pytest.fixture(scope="session", name="forged")
def _forged():
    return forged


def forged(folder, submission, *, record=None, predictions=None, clbench="0.1.0", **extra):
    """A file whose manifest fits what was changed: all that a forger can do without the author's digest."""
    members = dict(submission.members)
    if record is not None:
        members["record.json"] = record if isinstance(record, bytes) else json.dumps(record).encode()
    if predictions is not None:
        members["predictions.npz"] = predictions
    members |= extra
    members[MANIFEST_FILE] = Manifest.of(members, clbench=clbench).to_json()
    path = folder / submission.name
    path.write_bytes(joined(members))
    return path

"""Publish to the Hugging Face hub: one commit to a data set, with its card and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench import __version__
from clbench.errors import PublishError
from clbench.privacy import without_secrets
from clbench.submissions.archive import Submission
from clbench.submissions.card import CARD_FILE, card
from clbench.submissions.index import INDEX_FILE, Index, entry_of, runs_among
from clbench.submissions.tables import ACCURACIES_FILE, RUNS_FILE, accuracies_table, runs_table
from clbench.temporary import temporary_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["HubTarget", "publish_to_hub"]

_FORM = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+?)/?")
_TRIES = 5  # others may publish at the same time
_LOGIN = "run `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class HubTarget:
    """A data set on the hub: ``ORG/NAME``."""

    repo: str

    @classmethod
    def parse(cls, target: str) -> HubTarget | None:
        """The data set that ``hf://datasets/ORG/NAME`` names; ``None`` for URLs of other places.

        Raises:
            PublishError: it is of the hub, but of another form.
        """
        if not target.startswith(("hf://", "https://huggingface.co/")):
            return None
        match = _FORM.fullmatch(target.replace("https://huggingface.co/", "hf://", 1))
        if match is None:
            raise PublishError(
                f"cannot publish to {without_secrets(target)}",
                why="runs are published as a data set of their own",
                fix="write hf://datasets/ORG/NAME",
            )
        return cls(match["repo"])


def publish_to_hub(
    target: HubTarget,
    submissions: Sequence[Submission],
    *,
    replace: bool,
    license: str | None,
    private: bool | None,
) -> tuple[list[Submission], Index]:
    """Add submissions to a data set in one commit; the data set is made if it is not there.

    Returns:
        What was new there, and the index afterwards.

    Raises:
        PublishError: no token, no access, no network, no license for a new card, or another commit came
            between at each of several attempts; the data set is as it was then (or new and empty).
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import RepoFile

    repo: dict[str, Any] = {"repo_id": target.repo, "repo_type": "dataset"}
    what = f"cannot publish to hf://datasets/{target.repo}"
    if get_token() is None:
        raise PublishError(what, why="there is no token for the Hugging Face hub", fix=_LOGIN)
    api = HfApi(library_name="clbench", library_version=__version__)

    def attempt() -> tuple[list[Submission], Index]:
        head = api.repo_info(**repo).sha
        tree = api.list_repo_tree(**repo, revision=head, recursive=True)
        sizes = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

        def fetch(name: str) -> bytes | None:
            return _download(api, repo, head, name) if name in sizes else None

        summary = Index.from_json(fetch(INDEX_FILE), target.repo)
        index = Index.of_listing(runs_among(sizes), summary, fetch)
        added = index.new_among(submissions, replace=replace)
        if not added:
            return added, index
        gone = {name for submission in added for name in index.others(submission)}
        index = index.with_runs(added)
        files = {entry_of(submission)["file"]: submission.content for submission in added}
        files[RUNS_FILE] = runs_table(index)
        files[ACCURACIES_FILE] = accuracies_table(added, fetch(ACCURACIES_FILE))
        files[CARD_FILE] = card(target.repo, index, fetch(CARD_FILE), license=license)
        files[INDEX_FILE] = index.to_json()
        api.create_commit(
            **repo,
            operations=[
                *(CommitOperationAdd(name, content) for name, content in files.items()),
                *(CommitOperationDelete(name) for name in sorted(gone - set(files))),
            ],
            commit_message=_message(added),
            # Refused where another commit came between: no run of others is lost.
            parent_commit=head,
        )
        return added, index

    with _Explained(what):
        # The license is asked for before anything is made there.
        if license is None and not api.repo_exists(**repo):
            raise _no_license(what)
        api.create_repo(**repo, private=private, exist_ok=True)
        for left in reversed(range(_TRIES)):
            try:
                return attempt()
            except HfHubHTTPError as error:
                if left == 0 or getattr(error.response, "status_code", None) not in (409, 412):
                    raise
    raise AssertionError("the last attempt returns or raises")


def _download(api: HfApi, repo: dict[str, Any], revision: str | None, name: str) -> bytes:
    with temporary_folder("hub") as folder:
        return Path(
            api.hf_hub_download(**repo, filename=name, revision=revision, local_dir=folder)
        ).read_bytes()


def _message(added: Sequence[Submission]) -> str:
    first = added[0].record
    if len(added) == 1:
        return f"{first.method.name} on {first.stream.name}, order {first.stream.order}, seed {first.seed}"
    return f"{len(added)} runs on {', '.join(sorted({s.record.stream.name for s in added}))}"


def _no_license(what: str) -> PublishError:
    return PublishError(
        what,
        why="a new data set needs a license, which is yours to choose",
        fix="name one as the hub does: --license cc-by-4.0, --license cc0-1.0, …",
    )


class _Explained:
    """Turns the hub's errors into ones that say what would help; a context manager."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from huggingface_hub import errors

        # Which library makes the requests, and so the class of its errors, depends on the hub's version.
        kinds = {each.__name__ for each in type(error).__mro__}
        if not kinds & {"OSError", "HTTPError", "HFValidationError", "OfflineModeIsEnabled"}:
            return
        why = without_secrets(" ".join(str(error).split()))
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(error, errors.LocalTokenNotFoundError) or status == 401:
            fix = _LOGIN
        elif status == 403:
            fix = "use a token that may write there: its scope must hold this organisation; " + _LOGIN
        elif status == 404:
            fix = "check ORG/NAME; `hf auth whoami` says whose names you may use"
        elif status in (409, 412):
            fix = "another commit came between: run the same command again"
        elif isinstance(error, errors.OfflineModeIsEnabled):
            fix = "unset HF_HUB_OFFLINE"
        elif isinstance(error, errors.HFValidationError):
            fix = "write hf://datasets/ORG/NAME"
        else:
            fix = "check the network (HF_ENDPOINT names another hub), then run the same command again"
        raise PublishError(self.what, why=why, fix=fix) from None

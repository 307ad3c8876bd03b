"""A folder behind any fsspec URL, each file in it whole or not there, and its errors in words."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import PublishError, UnknownNameError
from clbench.installing import how_to_install_extra
from clbench.privacy import without_secrets
from clbench.results.atomic import atomic_write

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["Place", "explained", "open_place", "protocol_of"]

# Stores that show an object when all of it is there, and not before.
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "adl", "oss", "oci", "memory"})
_PACKAGES = {"gs": "pip install gcsfs", "abfs": "pip install adlfs"}
_USUAL = ("abfs", "file", "gs", "hf", "s3", "sftp", "webdav")
_CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE after `aws configure`",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    "abfs": "set AZURE_STORAGE_CONNECTION_STRING, or run: az login",
}
_SAME = {"s3a": "s3", "gcs": "gs", "az": "abfs"}
_PART = ".part"
_DAY = 24 * 3600.0


def protocol_of(target: str) -> str:
    """``s3`` of ``s3://bucket/prefix``; ``file`` of a plain folder."""
    name, mark, _ = target.partition("://")
    return name if mark else "file"


class Place:
    """The folder; :func:`open_place` makes one.

    Args:
        fs: where it is.
        root: the folder's path there.
        target: as it was typed.

    Attributes:
        shown: the target for messages, without a password in it.
    """

    def __init__(self, fs: AbstractFileSystem, root: str, target: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self.target = target
        self.shown = without_secrets(target)

    def read(self, name: str) -> bytes | None:
        """The content of a file, ``None`` where there is none.

        Raises:
            PublishError: the place cannot be reached or read.
        """
        with explained(self.target, "read"):
            try:
                content: bytes = self._fs.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
            return content

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each file in ``folder``, by its name from the root; hidden and unfinished ones left out.

        It is what is there at this moment: nothing that was listed before is believed.

        Raises:
            PublishError: the place cannot be reached or read.
        """
        return {
            f"{folder}/{name}": int(entry.get("size") or 0)
            for name, entry in self._entries(folder).items()
            if not name.startswith(".") and not name.endswith(_PART)
        }

    def _entries(self, folder: str) -> dict[str, dict[str, Any]]:
        path = f"{self._root}/{folder}"
        with explained(self.target, "read"):
            self._fs.invalidate_cache()
            try:
                found: list[dict[str, Any]] = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                return {}
        files = (entry for entry in found if entry["type"] == "file")
        return {str(entry["name"]).rstrip("/").rpartition("/")[2]: entry for entry in files}

    def remove(self, name: str) -> None:
        """Take a file away; nothing happens where it is gone already.

        Raises:
            PublishError: the place does not allow it.
        """
        with explained(self.target), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{name}")

    def sweep(self, folder: str) -> None:
        """Take away what died while it was being written, a day ago or earlier; never raises."""
        with suppress(Exception):
            for name, entry in self._entries(folder).items():
                left = (name.startswith(".") and name.endswith(".tmp")) or name.endswith(_PART)
                if left and _age(entry) > _DAY:
                    self._fs.rm_file(f"{self._root}/{folder}/{name}")

    def write(self, name: str, content: bytes) -> None:
        """Put a file there: readers see the old content or all of the new.

        Raises:
            PublishError: it cannot be written; what was there is as it was.
        """
        path = f"{self._root}/{name}"
        with explained(self.target):
            protocols = {self._fs.protocol} if isinstance(self._fs.protocol, str) else {*self._fs.protocol}
            if "file" in protocols:
                atomic_write(Path(path), content)
            elif protocols & _ATOMIC:
                self._fs.pipe_file(path, content)
            else:
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                part = f"{path}.{uuid.uuid4().hex[:12]}{_PART}"  # two may write the same at once
                try:
                    self._fs.pipe_file(part, content)
                    self._fs.mv(part, path)
                except BaseException:
                    with suppress(Exception):
                        self._fs.rm_file(part)
                    raise


def open_place(target: str, doing: str = "publish to") -> Place:
    """Return the folder at an fsspec URL or a plain path; nothing is written yet.

    ``doing`` is what it is opened for, for messages.

    Raises:
        PublishError: what the protocol needs is not installed.
        UnknownNameError: there is no such protocol.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations

    protocol = protocol_of(target)
    if protocol not in known_implementations:
        fix = "give a folder, s3://BUCKET/PREFIX, hf://datasets/ORG/NAME or another URL that fsspec knows"
        raise UnknownNameError("protocol", protocol, _USUAL, fix=fix)
    with explained(target, doing):
        fs, root = url_to_fs(target)
        if protocol == "file":
            root = str(Path(root).absolute())
        return Place(fs, root, target)


@contextmanager
def explained(target: str, doing: str = "publish to") -> Iterator[None]:
    """Turn what filesystems raise into an error that says what would help."""
    try:
        yield
    except PublishError:
        raise
    except Exception as error:
        found = _explanation(target, error, f"cannot {doing} {without_secrets(target)}")
        if found is None:
            if not _userinfo(target):
                raise
            # A mistake of somebody's, whose traceback would show the password.
            what, why = f"cannot {doing} {without_secrets(target)}", _without(target, error)
            found = PublishError(what, why=f"{type(error).__name__}: {why}")
        # Not `from error`: its text may have what the message leaves out.
        raise found from None


def _userinfo(target: str) -> str:
    """What stands before the host of an address: a name and a password."""
    return target.partition("://")[2].rpartition("@")[0]


def _without(target: str, error: Exception) -> str:
    """What an error says, without the name and the password of the address, whole or in part."""
    text = " ".join(str(error).split())
    whole = _userinfo(target)
    for part in sorted({whole, *whole.split("/"), whole.partition(":")[2]} - {""}, key=len, reverse=True):
        text = text.replace(part, "***")
    return without_secrets(text)


def _explanation(target: str, error: Exception, what: str) -> PublishError | None:
    protocol = protocol_of(target)
    causes = [*_causes(error)]
    names = {type(cause).__name__ for cause in causes}
    why = _without(target, error) or type(error).__name__
    credentials = _CREDENTIALS.get(_SAME.get(protocol, protocol), "")
    if isinstance(error, ImportError):
        return PublishError(what, why=why, fix=_package(_SAME.get(protocol, protocol)))
    if names & {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}:
        return PublishError(what, why=f"there are no credentials: {why}", fix=credentials)
    if isinstance(error, PermissionError):
        allowed = (
            f"use credentials that may write there; {credentials}" if credentials else "check its permissions"
        )
        return PublishError(what, why=why, fix=allowed)
    if isinstance(error, FileNotFoundError) and protocol in ("s3", "s3a"):
        bucket = without_secrets(target).partition("://")[2].rpartition("@")[2].partition("/")[0]
        return PublishError(what, why=why, fix=f"create the bucket: aws s3 mb s3://{bucket}")
    if isinstance(error, (ConnectionError, TimeoutError)) or any(
        "Connect" in n or "Timeout" in n for n in names
    ):
        where = "; AWS_ENDPOINT_URL names another server than Amazon's" if protocol in ("s3", "s3a") else ""
        return PublishError(what, why=why, fix=f"check the network and the address{where}, then run again")
    if isinstance(error, OSError):
        return PublishError(what, why=why, fix="check the address, and that you may read and write there")
    if any(type(cause).__module__.startswith("botocore") for cause in causes):
        return PublishError(what, why=why, fix=credentials)
    return None


def _age(entry: dict[str, Any]) -> float:
    """Seconds since a file was written; 0 where its place does not tell."""
    written = entry.get("mtime") or entry.get("LastModified") or entry.get("modified") or entry.get("created")
    if isinstance(written, datetime):
        written = written.timestamp()
    return time.time() - written if isinstance(written, (int, float)) else 0.0


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _package(protocol: str) -> str:
    """What installs the package that speaks ``protocol``."""
    return how_to_install_extra("s3") if protocol == "s3" else _PACKAGES.get(protocol, "")

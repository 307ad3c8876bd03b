"""Fetching from the hub, pinned commits, the check of a copy, at a server that speaks as the hub does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from clbench.cli import main
from clbench.errors import ConfigError, DataError
from clbench_mtil import hub, testing
from clbench_mtil.comparison import differences
from clbench_mtil.hubcopies import hub_copy
from clbench_mtil.hubpreparation import ask
from clbench_mtil.hubtables import fetched, fetching
from clbench_mtil.revisions import commit, find_commit
from click.testing import CliRunner

FOUND = "86b625a" + 33 * "0"


class Hub(BaseHTTPRequestHandler):
    """Serves clones below ``root`` as repositories of one commit each, and notes what is asked."""

    root: Path
    commits: dict[str, str]
    asked: list[str]

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = unquote(urlparse(self.path).path)
        self.asked.append(path)
        for pattern, respond in (
            (r"/api/datasets/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", self.tree),
            (r"/api/datasets/([^/]+/[^/]+)/commits/([^/]+)", self.history),
            (r"/api/datasets/([^/]+/[^/]+)(?:/revision/([^/]+))?", self.info),
            (r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.file),
        ):
            match = re.fullmatch(pattern, path)
            if match and (match[2] or "main") in ("main", self.commits[match[1]]):
                code, headers, content = respond(*match.groups())
                break
        else:
            code, headers, content = 404, {"X-Error-Code": "RevisionNotFound"}, b""
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def tree(self, repository: str, _commit: str, folder: str):
        place = self.root / repository / folder
        if not place.is_dir():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return self.json([
            {
                "type": "file" if path.is_file() else "directory",
                "path": path.relative_to(self.root / repository).as_posix(),
                "size": path.stat().st_size,
                "oid": "0" * 40,
            }
            for path in sorted(place.iterdir())
        ])  # fmt: skip

    def history(self, repository: str, _branch: str):
        entry = {"title": "Upload", "message": "", "authors": [], "date": "2024-01-01T00:00:00.000Z"}
        return self.json([entry | {"id": self.commits[repository]}])

    def info(self, repository: str, _commit: str):
        return self.json({"id": repository, "sha": self.commits[repository], "siblings": [], "tags": []})

    def file(self, repository: str, _commit: str, name: str):
        place = self.root / repository / name
        if not place.is_file():
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.commits[repository]}, b""
        content = place.read_bytes()
        etag = f'"{sha256(content).hexdigest()}"'
        return 200, {"ETag": etag, "X-Repo-Commit": self.commits[repository]}, content

    def json(self, value: object):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(data root, clones)"""
    root, clones = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("hub")
    for key in ("dtd", "eurosat", "mnist"):
        testing.write(key, root)
        testing.write_hub(key, root, clones)
    aside = tmp_path_factory.mktemp("aside")
    testing.write_others(aside)
    testing.write_others_hub(aside, clones)
    return root, clones


@pytest.fixture(autouse=True)
def _partial(monkeypatch, tmp_path, places):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_DATA", str(places[0]))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "tables")


@pytest.fixture
def server(places):
    keys = ("eurosat", "mnist", "imagenet-val", "captions")
    pinned = {hub_copy(key).path: hub_copy(key).revision for key in keys}
    commits = {"mcimpoi/dtd_split_1": FOUND, **pinned}
    Serving = type("Serving", (Hub,), {"root": places[1], "commits": commits, "asked": []})
    found = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def clbench(*commands: list[str], endpoint: str, home: Path) -> list[tuple[int, str]]:
    """(exit code, output) of each of ``commands``, one after the other, in a process of their own.

    The hub's library reads its address when it is imported.
    """
    code = """if True:
        import json, sys
        from click.testing import CliRunner
        from clbench.cli import main
        results = [CliRunner().invoke(main, arguments) for arguments in json.loads(sys.argv[1])]
        print(json.dumps([[result.exit_code, result.output] for result in results]))
    """
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "CLBENCH_MTIL_SOURCE": "hub",
        "HF_DATASETS_CACHE": str(home / "tables"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [(code, output) for code, output in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.slow
def test_fetched_once_at_the_commit_and_then_read_without_the_hub(server, tmp_path):
    """``datasets`` itself reads them; the commit of few digits is found among the repository's."""
    only = ["--only", "dtd,eurosat,mnist,imagenet-val,captions"]
    endpoint = f"http://127.0.0.1:{server.server_port}"
    before, planned, refused, first, told = clbench(
        ["doctor", "mtil-hub", *only],
        ["prepare", "mtil", *only, "--fetch", "--dry-run"],
        ["prepare", "mtil", *only],
        ["prepare", "mtil", *only, "--fetch"],
        ["doctor", "mtil-hub", *only, "--ask", "--compare"],
        endpoint=endpoint,
        home=tmp_path,
    )
    assert "86b625a …     about 0.63 GB" in before[1]
    assert "dtd, eurosat, mnist, imagenet-val, captions, about 7.4 GB" in planned[1]
    assert refused[0] == 1
    assert "have not been fetched from the hub" in refused[1]
    assert "prepare mtil --fetch --only dtd,eurosat,mnist,imagenet-val,captions" in refused[1]
    assert first[0] == 0, first[1]
    assert "dtd/test: decoding 3 images" in first[1]
    assert told[0] == 0, told[1]
    assert told[1].count("the same classes, labels, order, names and pixels as in the folder") == 3
    assert f"{FOUND[:12]}  fetched" in told[1]
    files = [path for path in server.RequestHandlerClass.asked if path.endswith(".parquet")]
    assert files
    assert all(re.search(r"/resolve/[0-9a-f]{40}/", path) for path in files)
    assert not [path for path in files if "imagenet-1k" in path and "train" in path]
    server.RequestHandlerClass.asked.clear()
    again, compared = clbench(
        ["prepare", "mtil", *only, "--train"],
        ["doctor", "mtil-hub", *only, "--compare"],
        endpoint="http://127.0.0.1:9",
        home=tmp_path,
    )
    assert (again[0], compared[0]) == (0, 0), again[1] + compared[1]
    assert server.RequestHandlerClass.asked == []


def test_nothing_is_asked_of_the_hub_unless_told(monkeypatch):
    import datasets
    import huggingface_hub

    monkeypatch.setattr(datasets, "load_dataset", pytest.fail)
    monkeypatch.setattr(huggingface_hub, "HfApi", pytest.fail)
    for key in ("dtd", "mnist"):
        with pytest.raises(DataError, match="has not been fetched from the hub") as caught:
            hub.read(key)
        assert f"clbench prepare mtil --fetch --only {key}" in caught.value.fix
        assert not fetched(hub_copy(key))


def test_the_pinned_commit_is_what_is_asked_for(monkeypatch):
    import datasets

    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: asked.append((a, k)) or 1 / 0)
    with fetching(), pytest.raises(DataError, match="MNIST cannot be read from the hub"):
        hub.read("mnist")
    (place,), options = asked[0]
    assert (place, options["name"]) == ("ylecun/mnist", "mnist")
    assert options["revision"] == hub_copy("mnist").revision


class Api:
    """Of the hub's library: a repository with the given commits."""

    commits = (FOUND, "f" * 40)

    def dataset_info(self, path, revision=None):
        found = self.commits[0] if revision is None else next(c for c in self.commits if c == revision)
        return type("Info", (), {"sha": found})()

    def list_repo_commits(self, path, repo_type):
        return [type("Commit", (), {"commit_id": c})() for c in self.commits]


@pytest.fixture
def api(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)


def test_a_commit_of_few_digits_is_looked_up_and_kept(api, monkeypatch):
    copy = hub_copy("dtd")
    assert commit(copy) is None
    assert find_commit(copy) == FOUND
    monkeypatch.setattr(Api, "commits", ("86b625a" + 33 * "1",))
    assert commit(copy) == FOUND


def test_a_commit_that_no_one_gives_is_the_newest_when_it_is_fetched(api, tmp_path, monkeypatch):
    own = tmp_path / "own.toml"
    own.write_text('[dtd]\npath = "someone/dtd"\n')
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    copy = hub_copy("dtd")
    assert copy.revision is None  # that of the other repository says nothing of this one
    assert commit(copy) is None
    assert find_commit(copy) == FOUND
    monkeypatch.setattr(Api, "commits", ("1" * 40,))
    assert commit(hub_copy("dtd")) == FOUND
    own.write_text('[dtd]\npath = "someone/dtd"\nrevision = "aaaaaaa"\n')
    assert commit(hub_copy("dtd")) is None


@pytest.mark.parametrize("commits", [("e" * 40,), (FOUND, "86b625a" + 33 * "1")])
def test_a_commit_that_is_not_there_or_not_alone_is_an_error(api, monkeypatch, commits):
    monkeypatch.setattr(Api, "commits", commits)
    with pytest.raises(DataError, match="commits that begin with 86b625a"):
        find_commit(hub_copy("dtd"))


def test_a_commit_that_the_hub_has_no_more_is_told(api):
    with pytest.raises(DataError, match="timm/eurosat-rgb at b4e28552cd5f"):
        ask(hub_copy("eurosat"))


def test_a_copy_is_held_against_the_folder(places, tmp_path):
    import PIL.Image

    root, clones = places
    assert differences("eurosat", root, clones) == []
    testing.write("eurosat", tmp_path)
    path = next((tmp_path / "eurosat/2750").rglob("*.jpg"))
    PIL.Image.new("RGB", (20, 24)).save(path)
    assert differences("eurosat", tmp_path, clones) == ["all: pixels of 1 of 12 images, in order"]
    path.rename(path.with_name("Forest_99.jpg"))
    assert "all: names of images, in order" in differences("eurosat", tmp_path, clones)
    path.with_name("Forest_99.jpg").unlink()
    assert differences("eurosat", tmp_path, clones) == ["all: 12 images, not 11"]


def test_the_table_names_copies_and_commits():
    result = CliRunner().invoke(main, ["doctor", "mtil-hub", "--only", "eurosat,sun397"])
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["eurosat", "timm/eurosat-rgb", "b4e28552cd5f", "about", "0.09", "GB"]
    assert lines[1][:3] == ["sun397", "1aurent/SUN397", "07ddcfe3001f"]
    near = CliRunner().invoke(main, ["doctor", "mtil-hub", "--only", "sun"])
    assert "did you mean 'sun397'" in near.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[dtd\n", "cannot be read"),
        ("[dtdd]\npath = 'a/b'\n", "did you mean 'dtd'"),
        ("[dtd]\npaht = 'a/b'\n", "did you mean 'path'"),
        ("[dtd]\nsplits = ['train']\n", "splits = { train"),
        ("[dtd]\nmore = 'test'\n", "of the kind list"),
        ("[dtd]\narrays = 'no'\n", "of the kind bool"),
    ],
)
def test_a_mistake_in_ones_own_file_is_named(tmp_path, monkeypatch, text, told):
    own = tmp_path / "own.toml"
    own.write_text(text)
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(own))
    with pytest.raises(ConfigError) as caught:
        hub_copy("dtd")
    assert told in str(caught.value)


def test_a_file_of_ones_own_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_MTIL_HUB", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"none\.toml \(CLBENCH_MTIL_HUB\) cannot be read"):
        hub_copy("dtd")

"""Publishing to the Hugging Face hub: the real client against a server that speaks its protocol."""

import base64
import hashlib
import io
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
import yaml
from clbench.cli import main
from clbench.errors import PublishError, SubmissionError
from clbench.submissions import UNKNOWABLE, pack, read_submission, verify
from clbench.submissions.publishing import publish
from click.testing import CliRunner

TOKEN = "hf_of_someone_who_may_write"


class Hub(ThreadingHTTPServer):
    """Data sets by name, each a list of commits (each all files by path)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos = {}
        self.private = {}
        self.refuse = {}  # status by the last part of a path, for one request
        self.between = None  # called before the next commit

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @staticmethod
    def sha(commits):
        return hashlib.sha1(repr(len(commits)).encode()).hexdigest()

    def files(self, repo):
        return self.repos[repo][-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args): ...

    def answer(self, status, content=b"", **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+?)(?:/revision/[^/]+)?", path):
            if found[1] not in self.server.repos:
                return self.answer(404, {"error": "not found"}, X_Error_Code="RepoNotFound")
            commits = self.server.repos[found[1]]
            siblings = [{"rfilename": name} for name in commits[-1]]
            return self.answer(
                200, {"id": found[1], "sha": Hub.sha(commits), "siblings": siblings, "private": False}
            )
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/[^/]+(?:/(.+))?", path):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.server.files(found[1]).items()
                if name.startswith(f"{found[2]}/" if found[2] else "")
            ]
            return self.answer(200, tree)
        if found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            content = self.server.files(found[1])[found[3]]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            return self.answer(200, content, ETag=etag, X_Repo_Commit=found[2])
        return self.answer(404, {"error": path})

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self.chunks()
        path = unquote(urlsplit(self.path).path)
        part = path.rsplit("/", 2)[1 if "datasets" in path else 2]
        refused = self.server.refuse.pop(part, None)
        if isinstance(refused, list):
            refused, *later = refused
            self.server.refuse |= {part: later} if later else {}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "Invalid username or password."})
        if refused:
            return self.answer(refused, {"error": f"refused with {refused}"})
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/paths-info/[^/]+", path):
            wanted, files = json.loads(body)["paths"], self.server.files(found[1])
            return self.answer(
                200,
                [
                    {"type": "file", "path": name, "size": len(files[name]), "oid": "0"}
                    for name in wanted
                    if name in files
                ],
            )
        if path == "/api/repos/create":
            wanted = json.loads(body)
            repo = f"{wanted['organization']}/{wanted['name']}"
            assert wanted["type"] == "dataset"
            if repo in self.server.repos:
                url = f"{self.server.url}/datasets/{repo}"
                return self.answer(409, {"error": "You already created this dataset repo", "url": url})
            self.server.repos[repo] = [{".gitattributes": b"*.parquet filter=lfs\n"}]
            # One name in today's client, the other in earlier ones.
            self.server.private[repo] = wanted.get("visibility") == "private" or wanted.get("private")
            return self.answer(200, {"url": f"{self.server.url}/datasets/{repo}"})
        if path == "/api/validate-yaml":
            text = json.loads(body)["content"]
            metadata = yaml.safe_load(text.split("---")[1])
            return self.answer(200, {"errors": [] if metadata.get("license") else [{"message": "license"}]})
        if re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/preupload/main", path):
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/commit/main", path):
            return self.commit(found[1], [json.loads(line) for line in body.splitlines()])
        return self.answer(404, {"error": path})

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def commit(self, repo, lines):
        between, self.server.between = self.server.between, None  # which may commit, too
        if between is not None:
            between()
        commits = self.server.repos[repo]
        header = lines[0]["value"]
        if header.get("parentCommit") != Hub.sha(commits):
            return self.answer(412, {"error": "A commit has happened since. Please refresh and try again."})
        files = dict(commits[-1])
        for line in lines[1:]:
            if line["key"] == "deletedFile":
                del files[line["value"]["path"]]
                continue
            assert line["key"] == "file"
            files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        commits.append(files)
        oid = Hub.sha(commits)
        return self.answer(
            200, {"success": True, "commitOid": oid, "commitUrl": f"{self.server.url}/c/{oid}"}
        )


@pytest.fixture
def hub(monkeypatch, tmp_path):
    from huggingface_hub import constants

    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace("https://huggingface.co", server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def two(records_folder):
    return [pack(records_folder / "I" / name) for name in ("rail-seed0", "l2p-seed0")]


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def test_all_is_one_commit_with_card_and_tables(hub, two, tmp_path, registry):
    done = publish(two, "hf://datasets/lab/results", license="cc-by-4.0", private=True)
    assert (len(done.added), done.runs) == (2, 2)
    assert hub.private == {"lab/results": True}
    assert len(hub.repos["lab/results"]) == 2  # the empty one, and this
    files = hub.files("lab/results")
    assert sorted(files) == sorted(
        [".gitattributes", "README.md", "accuracies.parquet", "index.json", "runs.parquet", *done.added]
    )
    for entry in json.loads(files["index.json"])["runs"]:
        path = tmp_path / "fetched.clbench.zip"
        path.write_bytes(files[entry["file"]])
        assert verify(path, registry, sha256=entry["sha256"], data=False).verified


def test_the_card_says_what_it_is_and_how_to_check_it(hub, two):
    from huggingface_hub import DatasetCard

    publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    card = DatasetCard(hub.files("lab/results")["README.md"].decode())
    assert card.data.license == "cc-by-4.0"
    assert card.data.pretty_name == "results: runs of clbench"
    assert "continual-learning" in card.data.tags
    assert [config["config_name"] for config in card.data.configs] == ["runs", "accuracies"]
    assert "clbench verify published/runs" in card.text
    assert all(line in card.text for line in UNKNOWABLE)
    assert re.search(r"\| rail \| mini \| I \| mini-clip \| a7b70ddd \| 0 \| 41\.17 \|", card.text)


def test_the_library_that_people_use_loads_the_tables(hub, two, tmp_path, monkeypatch):
    """As from the hub, with the configurations that the card names."""
    import datasets

    publish(two, "hf://datasets/lab/results", license="cc0-1.0")
    for name, content in hub.files("lab/results").items():
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    load = {"cache_dir": str(tmp_path / "cache"), "split": "train"}
    runs = datasets.load_dataset(str(tmp_path / "results"), "runs", **load)
    assert sorted(runs["method"]) == ["l2p", "rail"]
    accuracies = datasets.load_dataset(str(tmp_path / "results"), "accuracies", **load)
    record = two[0].record
    assert len(accuracies) == 2 * 3 * 11 * 10
    last = [
        row["accuracy"]
        for row in accuracies
        if (row["run_id"], row["label_space"], row["row"]) == (record.run_id, "task", 9)
    ]
    assert tuple(last) == record.matrix[-1]


def test_what_was_there_stays(hub, two):
    publish(two[:1], "hf://datasets/lab/results", license="cc-by-4.0")
    files = hub.files("lab/results")
    mine = files["README.md"].decode().replace("# results", "# Our lab's results\n\nWe are proud of them.")
    files["README.md"] = mine.replace("license: cc-by-4.0", "license: cc-by-4.0\nlanguage: en").encode()
    files["notes.txt"] = b"ours"
    before = pd.read_parquet(io.BytesIO(files["accuracies.parquet"]))
    done = publish(two, "hf://datasets/lab/results")  # the license is in the card
    assert (len(done.added), done.present, done.runs) == (1, 1, 2)
    after = hub.files("lab/results")
    assert after["notes.txt"] == b"ours"
    text = after["README.md"].decode()
    assert "We are proud of them." in text
    assert "language: en" in text
    assert text.count("| rail | mini") == text.count("| l2p | mini") == 1
    table = pd.read_parquet(io.BytesIO(after["accuracies.parquet"]))
    assert len(table) == 2 * len(before)
    pd.testing.assert_frame_equal(table[: len(before)], before)


def test_publishing_the_same_again_makes_no_commit(hub, two):
    publish(two, "hf://datasets/lab/results/", license="cc-by-4.0")
    done = publish(two, "https://huggingface.co/datasets/lab/results")
    assert (done.added, done.present) == ((), 2)
    assert len(hub.repos["lab/results"]) == 2


def test_a_license_is_asked_for_before_anything_is_made(hub, two):
    with pytest.raises(PublishError, match=r"needs a license(.|\n)*--license cc-by-4\.0"):
        publish(two, "hf://datasets/lab/results")
    assert hub.repos == {}
    hub.repos["lab/bare"] = [{"README.md": b"# A card without a head"}]
    with pytest.raises(PublishError, match=r"names no license(.|\n)*--license cc-by-4\.0"):
        publish(two, "hf://datasets/lab/bare")
    assert len(hub.repos["lab/bare"]) == 1


def test_without_a_token_it_says_how_to_get_one(hub, two, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PublishError, match=r"no token(.|\n)*hf auth login(.|\n)*HF_TOKEN"):
        publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(PublishError, match=r"hf auth login"):
        publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("part", "status", "words"),
    [
        ("create", 403, "a token that may write there"),
        ("commit", 403, "a token that may write there"),
        ("commit", 500, "check the network|run the same command again"),
    ],
)
def test_what_the_hub_refuses_leaves_nothing_visible(hub, two, part, status, words):
    hub.refuse[part] = status
    with pytest.raises(PublishError, match=words):
        publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    assert all(len(commits) == 1 for commits in hub.repos.values())
    assert publish(two, "hf://datasets/lab/results", license="cc-by-4.0").runs == 2


def test_a_commit_in_between_is_not_overwritten(hub, two):
    publish(two[:1], "hf://datasets/lab/results", license="cc-by-4.0")
    commits = hub.repos["lab/results"]
    hub.between = lambda: commits.append({**commits[-1], "other.txt": b"of others"})
    assert publish(two, "hf://datasets/lab/results").runs == 2
    assert hub.files("lab/results")["other.txt"] == b"of others"


def test_commits_without_a_pause_are_said(hub, two):
    publish(two[:1], "hf://datasets/lab/results", license="cc-by-4.0")
    hub.refuse["commit"] = [412] * 5
    with pytest.raises(PublishError, match=r"another commit came between: run the same command again"):
        publish(two, "hf://datasets/lab/results")
    assert publish(two, "hf://datasets/lab/results").runs == 2


def test_who_publishes_in_between_loses_nothing(hub, two):
    hub.between = lambda: publish(two[1:], "hf://datasets/lab/results", license="cc-by-4.0")
    assert publish(two[:1], "hf://datasets/lab/results", license="cc-by-4.0").runs == 2
    named = {entry["method"] for entry in json.loads(hub.files("lab/results")["index.json"])["runs"]}
    assert named == {"rail", "l2p"}


def test_another_content_takes_the_place_of_the_first(hub, two, tmp_path, forged):
    record = json.loads(two[0].members["record.json"])
    record["resources"]["learn_seconds"][0] += 1e-6
    other = read_submission(forged(tmp_path, two[0], record=record))
    publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    with pytest.raises(SubmissionError, match="published there already"):
        publish([other], "hf://datasets/lab/results")
    assert publish([other], "hf://datasets/lab/results", replace=True).runs == 2
    runs = [name for name in hub.files("lab/results") if name.startswith("runs/")]
    assert len(runs) == 2
    assert any(other.sha256[:8] in name for name in runs)


def test_no_hub_within_reach(hub, two, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PublishError, match=r"check the network \(HF_ENDPOINT"):
        publish(two, "hf://datasets/lab/results", license="cc-by-4.0")


def test_the_command_publishes(hub, records_folder):
    done = run("push", records_folder / "I/rail-seed0", "hf://datasets/lab/results", "--license", "cc-by-4.0")
    assert done.exit_code == 0, done.output
    assert "published: hf://datasets/lab/results/runs/rail-mini-I-mini-clip-seed0" in done.output
    assert "has 1 run\n" in done.output


def test_what_is_published_is_verified_from_the_hub(hub, two):
    import huggingface_hub

    huggingface_hub.HfFileSystem.clear_instance_cache()
    publish(two, "hf://datasets/lab/results", license="cc-by-4.0")
    done = run("verify", "hf://datasets/lab/results", "--no-data")
    assert done.exit_code == 0, done.output
    assert "2 of 2 verified" in done.output
    files = hub.files("lab/results")
    name = next(name for name in files if "rail" in name)
    files[name] = files[name].replace(b'"rail"', b'"reil"')
    huggingface_hub.HfFileSystem.clear_instance_cache()
    done = run("verify", "hf://datasets/lab/results", "--no-data")
    assert done.exit_code == 1
    assert "1 of 2 verified" in done.output
    huggingface_hub.HfFileSystem.clear_instance_cache()

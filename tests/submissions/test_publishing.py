"""Publishing to folders and object stores: all at once or nothing, and errors that say what would help."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.errors import PublishError, SubmissionError, UnknownNameError
from clbench.submissions import pack, read_submission
from clbench.submissions.places import Place, open_place
from clbench.submissions.publishing import publish
from click.testing import CliRunner


@pytest.fixture(scope="module")
def two(records_folder):
    return [pack(records_folder / "I" / name) for name in ("rail-seed0", "l2p-seed0")]


@pytest.fixture(scope="module")
def server():
    """An S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(server, monkeypatch, tmp_path):
    """Credentials and the address of that server, and a bucket in it."""
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem()
    name = f"results-{os.getpid()}-{tmp_path.name.replace('_', '-').lower()[-30:].strip('-')}"
    fs.mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["folder", "file", "s3", "memory"])
def target(request, tmp_path):
    if request.param == "s3":
        return request.getfixturevalue("s3") + "/some/prefix"
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    return {"folder": str(tmp_path / "there"), "file": f"file://{tmp_path}/there"}[request.param]


def there(target):
    """The entries of the index, each file read and compared."""
    place = open_place(target)
    entries = json.loads(place.read("index.json"))["runs"]
    for entry in entries:
        content = place.read(entry["file"])
        assert len(content) == entry["bytes"]
    return entries


def test_what_is_published_can_be_read_by_its_index(two, target, tmp_path):
    done = publish(two, target)
    assert (len(done.added), done.present, done.runs) == (2, 0, 2)
    entries = there(target)
    assert [e["method"] for e in entries] == ["l2p", "rail"]
    assert {e["sha256"] for e in entries} == {s.sha256 for s in two}
    place = open_place(target)
    for entry in entries:
        file = tmp_path / "fetched.clbench.zip"
        file.write_bytes(place.read(entry["file"]))
        record = read_submission(file).record
        assert (record.run_id, record.metrics.last) == (entry["run_id"], entry["last"])


def test_publishing_again_adds_only_what_is_new(two, target, records_folder):
    publish(two[:1], target)
    before = open_place(target).read("index.json")
    again = publish(two[:1], target)
    assert (again.added, again.present, again.runs) == ((), 1, 1)
    assert open_place(target).read("index.json") == before
    more = publish([*two, pack(records_folder / "I/l2p-seed1")], target)
    assert (len(more.added), more.present, more.runs) == (2, 1, 3)
    assert len(there(target)) == 3


def test_another_content_of_a_run_needs_a_word(two, tmp_path, records_folder, forged):
    record = json.loads(two[0].members["record.json"])
    record["resources"]["learn_seconds"][0] += 1e-6
    other = read_submission(forged(tmp_path, two[0], record=record))
    target = str(tmp_path / "there")
    publish(two, target)
    with pytest.raises(SubmissionError, match=r"published there already, with other content(.|\n)*--replace"):
        publish([other], target)
    assert publish([other], target, replace=True).runs == 2
    assert {e["sha256"] for e in there(target)} == {other.sha256, two[1].sha256}


@pytest.mark.parametrize("moment", [0, 2, 3])
def test_killed_at_any_moment_all_or_nothing_is_visible(two, records_folder, tmp_path, moment):
    """The process dies in the middle of its n-th file; the same command afterwards brings all."""
    target = tmp_path / "there"
    publish([pack(records_folder / "I/l2p-seed1")], str(target))
    before = (target / "index.json").read_bytes()
    runs = [str(records_folder / "I" / name) for name in ("rail-seed0", "l2p-seed0")]
    code = f"""
import os
from pathlib import Path
from clbench.submissions import pack
from clbench.submissions.publishing import publish
count, write = 0, Path.write_bytes
def dying(self, content):
    global count
    if count == {moment}:
        write(self, content[: len(content) // 2])
        os._exit(9)
    count += 1
    return write(self, content)
Path.write_bytes = dying
publish([pack(Path(run)) for run in {runs!r}], {str(target)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == (9 if moment < 3 else 0), done.stderr
    runs = json.loads((target / "index.json").read_bytes())["runs"]
    assert len(runs) == (1 if moment < 3 else 3)
    if moment < 3:
        assert (target / "index.json").read_bytes() == before
    for file in target.glob("runs/*.clbench.zip"):  # what has its name is whole, named by the index or not
        if not file.name.startswith("."):
            read_submission(file)
    assert publish(two, str(target)).runs == 3
    assert len(there(str(target))) == 3


@pytest.mark.parametrize("moment", [1, 3])
def test_a_store_that_fails_halfway_shows_nothing(two, s3, monkeypatch, moment):
    import s3fs

    call, count = s3fs.S3FileSystem._call_s3, 0

    async def failing(self, method, *args, **kwargs):
        nonlocal count
        count += method == "put_object"
        if method == "put_object" and count == moment:
            raise ConnectionResetError(104, "Connection reset by peer")
        return await call(self, method, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_call_s3", failing)
        with pytest.raises(PublishError, match=r"reset by peer(.|\n)*check the network"):
            publish(two, f"{s3}/x")
    assert open_place(f"{s3}/x").read("index.json") is None
    assert publish(two, f"{s3}/x").runs == 2


def test_a_store_that_keeps_other_bytes_is_found_out(two, tmp_path, monkeypatch):
    write = Place.write

    def flipping(self, name, content):
        write(self, name, content[:-1] + b"?" if name.startswith("runs/") else content)

    monkeypatch.setattr(Place, "write", flipping)
    with pytest.raises(PublishError, match="not what was written"):
        publish(two, str(tmp_path / "there"))
    assert not (tmp_path / "there" / "index.json").exists()


def test_two_at_once_lose_nothing(records_folder, tmp_path, monkeypatch):
    """Both read the index before either writes it."""
    target = str(tmp_path / "there")
    runs = [[pack(records_folder / "I" / f"{name}-seed0")] for name in ("rail", "l2p")]
    barrier, write, first = threading.Barrier(2), Place.write, threading.local()

    def together(self, name, content):
        if name == "index.json" and not getattr(first, "done", False):
            first.done = True
            barrier.wait(timeout=20)
        write(self, name, content)

    monkeypatch.setattr(Place, "write", together)
    failures = []

    def work(mine):
        try:
            publish(mine, target)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(there(target)) == 2


def test_without_credentials_it_says_which(two, s3, monkeypatch):
    import s3fs

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(
        PublishError, match=r"no credentials(.|\n)*AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ):
        publish(two, f"{s3}/x")


def test_a_bucket_that_is_not_there(two, s3):
    with pytest.raises(PublishError, match=r"bucket does not exist(.|\n)*aws s3 mb s3://not-there"):
        publish(two, "s3://not-there/x")


def test_a_server_that_is_not_there(two, s3, monkeypatch):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(PublishError, match=r"Could not connect(.|\n)*AWS_ENDPOINT_URL"):
        publish(two, f"{s3}/x")


def test_a_store_that_denies_access(two, s3, monkeypatch):
    import s3fs

    async def denied(self, method, *args, **kwargs):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", denied)
    with pytest.raises(PublishError, match=r"Access Denied(.|\n)*credentials that may write there"):
        publish(two, f"{s3}/x")


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        ("s33://bucket/x", UnknownNameError, "did you mean 's3'"),
        ("hf://datasets", PublishError, "hf://datasets/ORG/NAME"),
        ("hf://models/me/x", PublishError, "hf://datasets/ORG/NAME"),
        ("hf://datasets/me", PublishError, "hf://datasets/ORG/NAME"),
    ],
)
def test_targets_that_are_none(two, target, error, words):
    with pytest.raises(error, match=words):
        publish(two, target)


def test_a_folder_that_cannot_be_written(two, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PublishError, match=r"cannot (read|publish to) .*file"):
        publish(two, str(tmp_path / "file" / "x"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not one that clbench wrote"),
        (b"[]", "not one that clbench wrote"),
        (b"[" * 100_000, "not one that clbench wrote"),
        (
            b'{"format": "clbench-index", "version": 1, "runs": [{"run_id": "a", "file": "b"}]}',
            "not one that clbench wrote",
        ),
        (b'{"format": "other", "version": 1, "runs": []}', "not one that clbench wrote"),
        (b'{"format": "clbench-index", "version": 1, "runs": [{}]}', "not one that clbench wrote"),
        (b'{"format": "clbench-index", "version": 2, "runs": []}', "index of version 2(.|\n)*upgrade"),
    ],
)
def test_what_is_not_ours_is_not_overwritten(two, tmp_path, content, words):
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(PublishError, match=words):
        publish(two, str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["index.json"]


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def test_the_commands_publish(records_folder, tmp_path):
    target = tmp_path / "there"
    run_folder = records_folder / "I/rail-seed0"
    done = run("submit", run_folder, "-o", tmp_path / "sent", "--push", target)
    assert done.exit_code == 0, done.output
    assert f"published: {target}/runs/rail-mini-I" in done.output
    done = run("push", tmp_path / "sent", records_folder / "I/l2p-seed0", target)
    assert "there already: 1" in done.output
    assert f"{target} has 2 runs" in done.output
    done = run("verify", target, "--no-data")
    assert "2 of 2 verified" in done.output


def test_nothing_that_fails_is_published(records_folder, tmp_path):
    bad = pack(records_folder / "I/rail-seed0").write(tmp_path)
    bad.write_bytes(bad.read_bytes()[:-1])
    done = run("push", records_folder / "I/l2p-seed0", bad, tmp_path / "there")
    assert done.exit_code == 1
    assert "nothing is published" in done.output
    assert not (tmp_path / "there").exists()


def test_libraries_are_loaded_when_they_are_used():
    code = """
import clbench.cli.push, clbench.submissions.publishing, sys
assert not {'fsspec', 's3fs', 'huggingface_hub', 'pandas', 'torch'} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


def test_a_published_place_is_verified_by_its_index(two, target, registry):
    publish(two, target)
    done = run("verify", target, "--no-data", "--verbose")
    assert done.exit_code == 0, done.output
    assert "2 of 2 verified" in done.output
    assert f"{target}/runs/rail-mini-I-mini-clip-seed0" in done.output


def test_what_was_changed_or_taken_away_there_is_found(two, tmp_path):
    target = tmp_path / "there"
    publish(two, str(target))
    index = json.loads((target / "index.json").read_text())
    index["runs"][0]["last"] += 1.0
    (target / "index.json").write_text(json.dumps(index))
    done = run("verify", target, "--no-data")
    assert done.exit_code == 1
    assert "index: the index says something else than the file" in done.output
    assert "1 of 2 verified" in done.output
    (target / index["runs"][1]["file"]).unlink()
    done = run("verify", target, "--no-data")
    assert "is missing" in done.output
    assert "0 of 2 verified" in done.output


def test_a_place_without_an_index(tmp_path):
    done = run("verify", f"file://{tmp_path}")
    assert done.exit_code == 1
    assert "nothing is published at" in done.output

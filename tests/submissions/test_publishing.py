"""Publishing to folders and object stores: all at once or nothing, and errors that say what would help."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.errors import PublishError, SubmissionError, UnknownNameError
from clbench.submissions import pack, read_submission
from clbench.submissions.index import Index, entry_of
from clbench.submissions.places import Place, open_place
from clbench.submissions.publishing import index_of, publish
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


@pytest.mark.parametrize("moment", [0, 1, 2, 3])
def test_killed_at_any_moment_every_run_is_whole_or_not_there(two, records_folder, tmp_path, moment):
    """The process dies in the middle of its n-th file; the same command afterwards brings all."""
    target = tmp_path / "there"
    publish([pack(records_folder / "I/l2p-seed1")], str(target))
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
    index, summary = index_of(open_place(str(target)))
    assert len(index.entries) == 1 + min(moment, 2)
    assert len(summary.entries) == (1 if moment < 3 else 3)
    assert not index.unreadable
    for name in index.sizes:
        read_submission(target / name)
    assert publish(two, str(target)).runs == 3
    assert len(there(str(target))) == 3


@pytest.mark.parametrize("moment", [1, 3])
def test_a_store_that_fails_halfway_keeps_what_is_whole(two, s3, monkeypatch, moment):
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
    index, _ = index_of(open_place(f"{s3}/x"))
    assert (len(index.entries), index.unreadable) == (0 if moment == 1 else 2, ())
    assert publish(two, f"{s3}/x").runs == 2


def test_a_store_that_keeps_other_bytes_is_found_out(two, tmp_path, monkeypatch):
    write = Place.write

    def flipping(self, name, content):
        write(self, name, content[:-1] + b"?" if name.startswith("runs/") else content)

    monkeypatch.setattr(Place, "write", flipping)
    with pytest.raises(PublishError, match="not what was written"):
        publish(two, str(tmp_path / "there"))
    assert not [path for path in (tmp_path / "there").rglob("*") if path.is_file()]


@pytest.mark.parametrize("store", ["folder", "s3"])
@pytest.mark.parametrize("order", ["aaabbb", "ababab", "abbaab", "aabbab", "abbbaa", "babaab"])
def test_two_at_once_lose_nothing(two, request, tmp_path, monkeypatch, store, order):
    """Every write and every listing waits for its turn: the same interleaving each time."""
    target = str(tmp_path / "there") if store == "folder" else request.getfixturevalue("s3") + "/x"
    turns, lock, who, over = list(order), threading.Condition(), threading.local(), set()

    def in_turn(method):
        def waiting(self, *args):
            with lock:
                lock.wait_for(lambda: not turns or turns[0] == who.name or turns[0] in over, timeout=60)
                while turns and turns[0] in over:
                    turns.pop(0)
                if turns and turns[0] == who.name:
                    turns.pop(0)
                try:
                    return method(self, *args)
                finally:
                    lock.notify_all()

        return waiting

    monkeypatch.setattr(Place, "write", in_turn(Place.write))
    monkeypatch.setattr(Place, "sizes", in_turn(Place.sizes))
    failures = []

    def work(name, mine):
        who.name = name
        try:
            publish([mine], target)
        except Exception as error:
            failures.append(error)
        with lock:
            over.add(name)
            lock.notify_all()

    threads = [threading.Thread(target=work, args=pair) for pair in zip("ab", two, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    who.name = "reader"
    assert {entry["sha256"] for entry in there(target)} == {each.sha256 for each in two}


def test_many_processes_at_once_lose_nothing(records_folder, tmp_path):
    target = tmp_path / "there"
    names = [f"{method}-seed{seed}" for method in ("rail", "l2p") for seed in (0, 1)]
    code = """
import sys
from pathlib import Path
from clbench.submissions import pack
from clbench.submissions.publishing import publish
publish([pack(Path(sys.argv[1]))], sys.argv[2])
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(records_folder / "I" / name), str(target)])
        for name in names
    ]
    assert [process.wait(timeout=120) for process in running] == [0] * len(names)
    assert len(there(str(target))) == len(names)


def test_the_same_run_with_two_contents_at_once_is_said(two, tmp_path, forged, monkeypatch):
    record = json.loads(two[0].members["record.json"])
    record["resources"]["learn_seconds"][0] += 1e-6
    other = read_submission(forged(tmp_path, two[0], record=record))
    target, write = str(tmp_path / "there"), Place.write

    def beside(self, name, content):
        write(self, name, content)
        if name.startswith("runs/"):
            monkeypatch.setattr(Place, "write", write)
            write(self, entry_of(other)["file"], other.content)

    monkeypatch.setattr(Place, "write", beside)
    with pytest.raises(SubmissionError, match=r"published twice, with different contents(.|\n)*--replace"):
        publish([two[0]], target)
    assert "the run is there twice" in run("verify", target, "--no-data").output
    publish([two[0]], target, replace=True)
    assert [entry["sha256"] for entry in there(target)] == [two[0].sha256]
    assert len(list((tmp_path / "there" / "runs").iterdir())) == 1


def test_the_summary_may_be_deleted_and_is_made_anew(two, target, records_folder):
    publish(two, target)
    place = open_place(target)
    before = place.read("index.json")
    place.remove("index.json")
    place.remove("index.json")
    again = publish(two, target)
    assert (again.added, again.present, again.runs) == ((), 2, 2)
    assert place.read("index.json") == before


def test_what_an_earlier_version_published_is_in_the_listing(two, tmp_path):
    """It wrote the index alone, and may have died before that."""
    for submission in two:
        path = tmp_path / entry_of(submission)["file"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(submission.content)
    (tmp_path / "index.json").write_bytes(Index().with_runs(two[:1]).to_json())
    assert publish(two[:1], str(tmp_path)).runs == 2
    assert len(there(str(tmp_path))) == 2


def test_what_died_in_the_middle_is_swept_a_day_later(two, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    old, new = time.time() - 2 * 86400, time.time()
    for name, age in ((".x.a.tmp", old), (".x.b.tmp", new), ("x.c.part", old), ("mine.txt", old)):
        (runs / name).write_bytes(b"half")
        os.utime(runs / name, (age, age))
    assert publish(two, str(tmp_path)).runs == 2
    left = {path.name for path in runs.iterdir() if not path.name.endswith(".clbench.zip")}
    assert left == {".x.b.tmp", "mine.txt"}


def test_a_file_that_is_no_submission_is_named(two, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "odd.clbench.zip").write_bytes(b"no archive")
    assert publish(two, str(tmp_path)).unreadable == ("runs/odd.clbench.zip",)
    done = run("push", *(), tmp_path / "runs" / "odd.clbench.zip", tmp_path)
    assert done.exit_code == 1


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
        (
            b'{"format": "clbench-index", "version": 2, "runs": []}',
            "index of version 2(.|\n)*(upgrade|pull|up to date)",
        ),
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
    assert "index: index.json says something else than the file" in done.output
    assert "1 of 2 verified" in done.output
    (target / index["runs"][1]["file"]).unlink()
    done = run("verify", target, "--no-data")
    assert "is missing" in done.output
    assert "0 of 2 verified" in done.output


def test_a_place_without_an_index(tmp_path):
    done = run("verify", f"file://{tmp_path}")
    assert done.exit_code == 1
    assert "nothing is published at" in done.output


@pytest.mark.parametrize("command", ["push", "verify"])
def test_a_password_in_an_address_is_never_echoed(records_folder, s3, monkeypatch, command):
    """Whether the address is wrong, denied or right."""
    import s3fs

    runs = [records_folder / "I/rail-seed0"] if command == "push" else []
    for target in (s3 + "/x", "s3://not-there/x", "sftp://host.invalid/x", "s33://bucket/x", "hf://spaces/x"):
        address = target.replace("://", "://someone:sec/ret+hunter2@")
        done = run(command, *runs, address)
        assert "hunter2" not in done.output
        assert "sec/ret" not in done.output

    async def refused(self, method, *args, **kwargs):
        raise PermissionError("denied to s3://someone:hunter2@bucket?X-Amz-Signature=hunter2")

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", refused)
    done = run(command, *runs, s3 + "/x")
    assert done.exit_code == 1
    assert "denied to s3://***@bucket" in done.output
    assert "hunter2" not in done.output

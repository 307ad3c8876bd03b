"""One file a run: equal to the byte, and read without trusting it."""

import io
import json
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from clbench.errors import RecordError, SubmissionError
from clbench.results import read_record, write_record
from clbench.submissions import pack, read_submission
from clbench.submissions.archive import file_name, parse_submission
from clbench.submissions.manifest import FORMAT_VERSION, MANIFEST_FILE, Manifest
from clbench.testing.records import make_record
from hypothesis import given, settings
from hypothesis import strategies as st


def test_what_is_packed_is_read(submission, run, tmp_path):
    path = submission.write(tmp_path)
    assert path.name == "zscl-mini-I-mini-clip-seed0-" + submission.record.run_id[:10] + ".clbench.zip"
    again = read_submission(path)
    assert again == submission
    assert again.record == read_record(run)
    assert again.members["record.json"] == (run / "record.json").read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_equal_runs_give_equal_files(submission, run, tmp_path):
    other = shutil.copytree(run, tmp_path / "elsewhere")
    assert pack(other / "record.json").content == submission.content
    (tmp_path / "readme.md").write_text("What was done.")
    told = pack(run, readme=tmp_path / "readme.md")
    assert told.sha256 != submission.sha256
    assert told.members["README.md"] == b"What was done."


def test_any_unzip_reads_it(submission):
    with zipfile.ZipFile(io.BytesIO(submission.content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == "clbench-submission"
    assert sorted(manifest["members"]) == ["predictions.npz", "record.json"]


def opened(content, path):
    """Read a file and compare it with its manifest, as verify does."""
    members = parse_submission(content, path).members
    if Manifest.from_json(members[MANIFEST_FILE]).differences(members):
        raise SubmissionError("it is not what its manifest says")


@settings(max_examples=150)
@given(st.data())
def test_no_byte_can_be_changed(submission, data):
    content = bytearray(submission.content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SubmissionError):
        opened(bytes(content), Path(submission.name))


@pytest.mark.parametrize("bits", [1, 16, 128, 255])
def test_no_byte_of_a_header_can_be_changed(submission, tmp_path, bits):
    """Where a flipped bit changes what the reader of archives does."""
    content = submission.content
    starts = [found.start() for found in re.finditer(b"PK\x03\x04", content)]
    places = {*range(len(content) - 320, len(content)), *(s + i for s in starts for i in range(50))}
    for place in sorted(places):
        changed = bytearray(content)
        changed[place] ^= bits
        with pytest.raises(SubmissionError):
            opened(bytes(changed), tmp_path)


@settings(max_examples=30)
@given(st.data())
def test_nothing_can_be_cut_off_or_put_in(submission, tmp_path_factory, data):
    place = data.draw(st.integers(0, len(submission.content) - 1))
    more = data.draw(st.binary(max_size=20))
    content = submission.content[:place] + more + (submission.content[place:] if more else b"")
    path = tmp_path_factory.mktemp("changed") / submission.name
    path.write_bytes(content)
    with pytest.raises(SubmissionError):
        read_submission(path)


def zipped(members, *, compression=zipfile.ZIP_STORED, link=None, comment=b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.comment = comment
        for name, content in members:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            entry.external_attr = ((stat.S_IFLNK if name == link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: zipped([*m, ("../../etc/passwd", b"x")]), "member '../../etc/passwd'"),
        (lambda m: zipped([*m, ("setup.py", b"x")]), "member 'setup.py'"),
        (lambda m: zipped([*m, m[0]]), "has manifest.json twice"),
        (lambda m: zipped(m, link="record.json"), "record.json is a link"),
        (lambda m: zipped(m, compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (lambda m: zipped([*m, ("README.md", b"x" * 300_000)]), "README.md has 300,000 bytes"),
        (lambda m: zipped([x for x in m if x[0] != "record.json"]), "it lacks record.json"),
        (lambda m: zipped(m, comment=b"x"), "bytes between or around"),
        (lambda m: b"", "damaged"),
        (lambda m: b"PK\x03\x04" + b"\0" * 100, "damaged"),
        (lambda m: b"{}", "damaged"),
    ],
)
def test_what_is_no_submission_is_refused(submission, tmp_path, change, words):
    path = tmp_path / "evil.clbench.zip"
    path.write_bytes(change(list(submission.members.items())))
    with pytest.raises(SubmissionError, match=words) as caught:
        read_submission(path)
    assert str(path) in str(caught.value)
    assert "fix: " in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_larger_than_any_is_not_even_read(tmp_path, monkeypatch):
    path = tmp_path / "large.clbench.zip"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(SubmissionError, match="and the largest has"):
        read_submission(path)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(SubmissionError, match="No such file"):
        read_submission(tmp_path / "none.clbench.zip")
    with pytest.raises(RecordError, match="cannot read"):
        pack(tmp_path)


def test_runs_that_others_could_not_check_are_not_packed(tmp_path, run):
    write_record(tmp_path / "bare", make_record())
    with pytest.raises(SubmissionError, match="names no predictions"):
        pack(tmp_path / "bare")
    record = make_record()
    write_record(tmp_path / "going", record.evolve(status="running", metrics=None))
    with pytest.raises(SubmissionError, match=r"the run is running.*\n.*goes on"):
        pack(tmp_path / "going")
    other = shutil.copytree(run, tmp_path / "changed")
    (other / "predictions.npz").write_bytes(b"of another run")
    with pytest.raises(RecordError, match="not the file that the record names"):
        pack(other)
    (other / "predictions.npz").unlink()
    with pytest.raises(RecordError, match="cannot read"):
        pack(other)


def test_names_of_files_are_names_of_files():
    record = make_record(method="a/b c", order="../x")
    assert file_name(record).startswith("a-b-c-toy-stream-..-x-toy-clip-seed0-")
    assert "/" not in file_name(record)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d | {"version": FORMAT_VERSION + 1},
            f"version {FORMAT_VERSION + 1}(.|\n)*(upgrade|pull|up to date)",
        ),
        (lambda d: d | {"version": 0}, "version 0"),
        (lambda d: d | {"format": "zip"}, "format"),
        (lambda d: d | {"surprise": 1}, "surprise"),
        (lambda d: {k: v for k, v in d.items() if k != "members"}, "members"),
        (lambda d: d["members"], "format"),
        (lambda d: [d], "manifest"),
    ],
)
def test_manifests_of_another_kind_are_explained(submission, change, words):
    document = json.loads(submission.members[MANIFEST_FILE])
    with pytest.raises(SubmissionError, match=words):
        Manifest.from_json(json.dumps(change(document)).encode())
    with pytest.raises(SubmissionError, match="not JSON"):
        Manifest.from_json(b"{")
    with pytest.raises(SubmissionError, match="not JSON"):
        Manifest.from_json(b"[" * 50_000)

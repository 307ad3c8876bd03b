"""Groups of test images: who names them, where they are kept, and that they decide nothing but intervals."""

import json

import datasets
import numpy as np
import PIL.Image
import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.errors import ConfigError, DataError
from clbench.plugins import Registry
from clbench.results import read_record
from clbench.results.predictions import load_predictions, save_predictions
from clbench.results.regrouping import add_groups
from clbench.results.store import write_record
from clbench.streams import ImageSet
from clbench.streams.descriptionfile import read_description
from clbench.streams.folders import read_stream
from clbench.testing import tiny_plugin
from clbench.testing.doubles import tiny_images
from click.testing import CliRunner

GROUPS = """file_name,group
first/0.png,one writer
first/1.png,another
second/0.png,one writer
second/1.png,
"""
"""Of four images: the last one is alone."""


def grouped(names, group="group"):
    plain = tiny_images(len(names), 2)
    return ImageSet(plain.dataset.add_column("group", names), group=group)


@pytest.fixture
def home(tmp_path, monkeypatch, clbench_cache):
    random = np.random.default_rng(0)
    for task in ("birds", "tools"):
        for split, count in {"train": 4, "test": 2}.items():
            for name in ("first", "second"):
                folder = tmp_path / task / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                    PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(home, table=None, place="birds/test/metadata.csv"):
    tasks = [{"key": k, "train": f"{k}/train", "test": f"{k}/test"} for k in ("birds", "tools")]
    if table is not None:
        tasks[0]["groups"] = place
        (home / place).write_text(table)
    content = {"name": "mine", "backbone": "tiny", "templates": "a {}.", "tasks": tasks}
    (home / "mine.yaml").write_text(json.dumps(content))
    return home / "mine.yaml"


@pytest.fixture
def clbench(home):
    import clbench_baselines.plugin

    def invoke(*words):
        session = Session(given=Registry.of(tiny_plugin, clbench_baselines.plugin))
        done = CliRunner().invoke(main, list(words), obj=session)
        return done.exit_code, done.output

    return invoke


RUN = ("run", "--stream", "mine.yaml", "--methods", "zero-shot", "--device", "cpu")


def run_folder(home):
    (path,) = home.glob("runs/*/*/record.json")
    return path.parent


GOOD = "✓ data splits, class names and templates are the stream's, the right answers its 8 test labels"


def data_check(clbench, folder):
    """What `clbench verify` says of the data."""
    _, output = clbench("verify", str(folder), "--stream", "mine.yaml")
    (line,) = [line for line in output.splitlines() if line[2:].startswith("data ")]
    return " ".join(line.split())


# -- a data set's column ---------------------------------------------------------------------------------


def test_a_column_of_texts_or_numbers_names_groups_and_null_is_alone():
    assert grouped(["b", "a", "b", None, None]).groups.tolist() == [0, 1, 0, 2, 3]
    assert grouped([7, 7, 3]).groups.tolist() == [0, 0, 1]
    assert grouped(["b", "a", "b", None, None]).group_count == 4
    assert tiny_images(3, 2).groups is None
    assert tiny_images(3, 2).group_count is None


def test_groups_follow_a_selection_and_stay_out_of_what_is_sent_elsewhere():
    images = grouped(["b", "a", "b", None])
    assert images.select([2, 1, 0]).groups.tolist() == [0, 1, 0]
    sent = images.detached()
    assert sent.groups is None
    assert "group" not in sent.dataset.column_names


def test_groups_identify_nothing():
    assert grouped(["a", "a", "b"]).digest == grouped(["a", "b", "c"]).digest == tiny_images(3, 2).digest


def test_a_column_that_is_not_there_or_names_no_groups_is_an_error():
    with pytest.raises(DataError, match="lacks the column family"):
        grouped(["a"], group="family")
    features = datasets.Features(
        image=datasets.Image(), label=datasets.Value("int64"), group=[datasets.Value("int64")]
    )
    rows = [
        {**row, "group": [1, 2]}
        for row in tiny_images(2, 2).dataset.cast_column("image", datasets.Image(False))
    ]
    with pytest.raises(DataError, match="neither text nor a whole number"):
        _ = ImageSet(datasets.Dataset.from_list(rows, features=features), group="group").groups


# -- a table beside a stream's file ----------------------------------------------------------------------


def test_a_table_names_groups_of_test_images(home):
    without = read_description(write(home))
    described = read_description(write(home, GROUPS))
    assert described.tasks[0].groups == ("one writer", "another", "one writer", None)
    assert [task.group_count for task in described.tasks] == [3, None]
    assert described.tasks[0].test.ignored == ()  # the table may lie among the images
    stream = read_stream(str(home / "mine.yaml"))
    assert stream.tasks[0].test.groups.tolist() == [0, 1, 0, 2]
    assert stream.tasks[0].train.groups is None
    assert stream.tasks[1].test.groups is None
    assert described.digest == without.digest
    plain = read_stream(str(write(home)))
    assert plain.digests == stream.digests


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file_name,family\nfirst/0.png,a\n", "has no group in line 2"),
        ("file_name,group\nfirst/0.png,a\nfirst/0.png,b\n", "names first/0.png twice, again in line 3"),
        ("file_name,group\nfirst/9.png,a\n", "not among the test images: first/9.png"),
        ("file_name,group\n,a\n", "file_name is empty or no text in line 2"),
    ],
)
def test_mistakes_in_a_table_are_named(home, table, said):
    with pytest.raises(ConfigError) as caught:
        read_description(write(home, table))
    (problem,) = caught.value.problems
    assert str(problem).startswith("task 'birds', groups: ")
    assert said in str(problem)
    assert problem.fix


def test_check_and_show_say_how_many(home, clbench):
    assert "groups" not in clbench("stream", "check", "mine.yaml")[1]
    write(home, GROUPS)
    for words in (("stream", "check", "mine.yaml"), ("show", "stream", "mine.yaml")):
        code, output = clbench(*words)
        assert code == 0, output
        assert "groups" in output
        (line,) = [line for line in output.splitlines() if line.startswith("birds")]
        assert " 3 " in f"{line} "
        assert "metadata.csv" not in output  # is no image, but is read


# -- in a record -----------------------------------------------------------------------------------------


def test_a_run_keeps_them_with_its_predictions(home, clbench):
    write(home, GROUPS)
    code, output = clbench(*RUN)
    assert code == 0, output
    folder = run_folder(home)
    record = read_record(folder)
    assert [task.groups for task in record.stream.tasks] == [3, None]
    predictions = load_predictions(folder, record.predictions)
    assert {task: numbers.tolist() for task, numbers in predictions.groups.items()} == {"birds": [0, 1, 0, 2]}
    assert record.predictions.groups_by == ""
    assert "3 groups" in clbench("show", "run", str(folder))[1]
    assert clbench("rescore", "runs")[0] == 0
    assert data_check(clbench, folder) == GOOD


def test_a_record_from_before_gets_them_and_says_by_whom(home, clbench):
    assert clbench(*RUN)[0] == 0
    folder = run_folder(home)
    before, answers = read_record(folder), load_predictions(folder).answers
    code, output = clbench("stream", "groups", "runs")
    assert (code, "names no groups of test images" in output) == (0, True)
    write(home, GROUPS)
    lacking = "; it names groups of test images, which the predictions lack (clbench stream groups)"
    assert data_check(clbench, folder) == f"{GOOD}{lacking}"
    code, output = clbench("stream", "groups", "runs")
    assert code == 0, output
    assert "1 record: now with the groups of stream mine of mine.yaml" in output
    assert "7 draws of 8 images" in output
    after = read_record(folder)
    assert [task.groups for task in after.stream.tasks] == [3, None]
    assert after.predictions.groups_by.startswith("mine.yaml")
    assert (after.matrices, after.metrics, after.fingerprint) == (
        before.matrices,
        before.metrics,
        before.fingerprint,
    )
    now = load_predictions(folder, after.predictions)
    assert all(np.array_equal(now.answers[key], columns) for key, columns in answers.items())
    assert "had already the groups of stream" in clbench("stream", "groups", "runs")[1]
    assert "was finished before" in clbench(*RUN)[1]  # the same run, by its key
    assert data_check(clbench, folder) == GOOD


def test_a_record_of_other_images_gets_none(home, clbench):
    assert clbench(*RUN)[0] == 0
    before = (run_folder(home) / "record.json").read_bytes()
    write(home, GROUPS)
    PIL.Image.new("RGB", (16, 16)).save(home / "birds/test/first/0.png")
    code, output = clbench("stream", "groups", "runs")
    assert code == 0
    assert "left as it is" in output
    assert (run_folder(home) / "record.json").read_bytes() == before


def test_forged_groups_are_found(home, clbench):
    """Finer groups than the stream's would make intervals narrower."""
    write(home, GROUPS)
    assert clbench(*RUN)[0] == 0
    folder = run_folder(home)
    record, said = read_record(folder), load_predictions(folder)
    entry = save_predictions(folder, said.answers, said.truth, {"birds": [0, 1, 2, 3]})
    write_record(folder, record.evolve(predictions=entry))
    assert data_check(clbench, folder).startswith("✗ data")
    _, output = clbench("verify", str(folder), "--stream", "mine.yaml")
    assert "birds: the groups of test images are not those of the stream" in output


def test_a_kill_while_groups_are_added_loses_nothing(home, clbench, monkeypatch):
    assert clbench(*RUN)[0] == 0
    folder = run_folder(home)
    before = read_record(folder)
    groups = {"birds": [0, 1, 0, 2]}

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("clbench.results.regrouping.write_record", killed)
        with pytest.raises(KeyboardInterrupt):
            add_groups(folder, groups, "someone 1")
    assert read_record(folder) == before
    changed = add_groups(folder, groups, "someone 1")
    assert load_predictions(folder, changed.predictions).groups["birds"].tolist() == groups["birds"]
    assert add_groups(folder, groups, "someone 2") is None
    assert not list(folder.glob("*before*"))

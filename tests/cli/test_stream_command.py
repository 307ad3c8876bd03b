"""``clbench stream check`` and ``clbench run --stream FILE.yaml``."""

import json
import subprocess
import sys

import clbench_baselines.plugin
import clbench_zscl.plugin
import numpy as np
import PIL.Image
import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.plugins import Origin, Registry
from clbench.results import read_record
from clbench.testing import tiny_plugin
from click.testing import CliRunner


@pytest.fixture
def home(tmp_path, monkeypatch, clbench_cache):
    random = np.random.default_rng(0)
    for task in ("birds", "tools"):
        for split, count in {"train": 4, "test": 2}.items():
            for name in ("first", "second"):
                folder = tmp_path / "data" / task / split / name
                folder.mkdir(parents=True)
                for number in range(count):
                    pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                    PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(home, **changes):
    tasks = [{"key": k, "train": f"data/{k}/train", "test": f"data/{k}/test"} for k in ("birds", "tools")]
    content = {"name": "mine", "backbone": "tiny", "templates": "a {}.", "tasks": tasks, **changes}
    (home / "mine.yaml").write_text(json.dumps(content))


@pytest.fixture
def clbench(home):
    def invoke(*words):
        session = Session(given=Registry.of(tiny_plugin, clbench_baselines.plugin, clbench_zscl.plugin))
        return CliRunner().invoke(main, list(words), obj=session)

    return invoke


RUN = ("run", "--stream", "mine.yaml", "--methods", "zero-shot", "--device", "cpu")


def test_check_says_what_there_is_and_that_it_can_run(clbench):
    done = clbench("stream", "check", "mine.yaml")
    assert done.exit_code == 0, done.output
    assert "birds        2      8     4               4  a {}." in done.output
    assert "order I" in done.output
    assert "odd: birds: 8 training images" in done.output
    assert "missing: no reference, so these methods cannot run on it: zscl" in done.output
    assert "it can run: clbench run --stream mine.yaml" in done.output


def test_check_lists_mistakes_and_ends_with_2(clbench, home):
    write(home, backbon="tiny", orders={"II": ["birds"]})
    done = clbench("stream", "check", "mine.yaml")
    assert done.exit_code == 2
    assert "mine.yaml has 2 mistakes" in done.output
    assert "backbon is no key; did you mean backbone?" in done.output
    assert "order II lacks tools" in done.output


def test_check_finds_unreadable_images(clbench, home):
    (home / "data/birds/test/first/0.png").write_text("no image")
    done = clbench("stream", "check", "mine.yaml")
    assert done.exit_code == 1
    assert "unreadable: data/birds/test/first/0.png: cannot identify image" in done.output
    assert clbench("stream", "check", "mine.yaml", "--no-decode").exit_code == 0


def test_check_says_that_a_backbone_is_not_installed(clbench, home):
    write(home, backbone="tinny")
    done = clbench("stream", "check", "mine.yaml")
    assert "missing: unknown backbone 'tinny'" in done.output
    assert "did you mean 'tiny'" in done.output
    assert "it cannot run" in done.output
    assert done.exit_code == 2


def test_a_file_runs_like_any_stream(clbench, home):
    done = clbench(*RUN)
    assert done.exit_code == 0, done.output
    (path,) = home.glob("runs/*/*/record.json")
    assert path.parts[-3] == "mine-I-tiny"
    record = read_record(path)
    assert record.stream.name == "mine"
    assert record.stream.protocol == "folders"
    assert [(task.key, task.train, task.test) for task in record.stream.tasks] == [
        ("birds", 8, 4),
        ("tools", 8, 4),
    ]
    assert "mine.yaml" in record.provenance.plugins
    again = clbench(*RUN)
    assert "was finished before" in again.output


def test_a_changed_image_is_another_run_and_another_place_is_not(clbench, home, monkeypatch):
    assert clbench(*RUN).exit_code == 0
    (home / "elsewhere").mkdir()
    (home / "data").rename(home / "elsewhere/data")
    (home / "mine.yaml").rename(home / "elsewhere/mine.yaml")
    moved = tuple("elsewhere/mine.yaml" if word == "mine.yaml" else word for word in RUN)
    assert "was finished before" in clbench(*moved).output
    PIL.Image.new("RGB", (16, 16)).save(home / "elsewhere/data/birds/test/first/0.png")
    assert "was finished before" not in clbench(*moved).output
    records = [read_record(path) for path in home.glob("runs/*/*/record.json")]
    assert len({record.fingerprint.fields.test_split for record in records}) == 2
    assert len({record.fingerprint.fields.train_split for record in records}) == 1


def test_mistakes_of_file_and_command_line_come_together(clbench, home):
    write(home, titel="x")
    done = clbench("run", "--stream", "mine.yaml", "--methods", "zero-shott")
    assert done.exit_code == 2
    assert "titel is no key" in done.output
    assert "unknown method 'zero-shott'" in done.output


def test_show_prints_it(clbench):
    done = clbench("show", "stream", "mine.yaml")
    assert done.exit_code == 0, done.output
    assert "described by mine.yaml" in done.output


def test_a_change_between_planning_and_running_is_an_error(home):
    from clbench.config import Options, resolve
    from clbench.runs import execute

    registry = Registry.of(tiny_plugin, clbench_baselines.plugin)
    configs = resolve(registry, Options(methods=("zero-shot",), stream="mine.yaml", device="cpu"))
    PIL.Image.new("RGB", (16, 16)).save(home / "data/birds/test/first/0.png")
    (outcome,) = execute(registry, configs, out=home / "runs")
    assert outcome.status == "failed"
    assert "changed after the run was planned" in outcome.reason


def test_a_file_runs_in_another_process_and_folder(clbench, home, monkeypatch):
    from clbench.cli.launching import execute_job
    from clbench.config import Options, RunConfig, resolve

    registry = Registry.of(tiny_plugin, clbench_baselines.plugin)
    (config,) = resolve(registry, Options(methods=("zero-shot",), stream="mine.yaml", device="cpu"))
    (home / "away").mkdir()
    monkeypatch.chdir(home / "away")
    monkeypatch.setattr("clbench.plugins.get_registry", lambda *_: registry)
    sent = RunConfig.from_json(json.loads(json.dumps(config.as_json())))
    assert sent == config
    assert execute_job(sent, out=home / "runs", origin=Origin()).status == "finished"


def test_planning_a_file_imports_nothing_heavy(home):
    code = (
        "import sys; from clbench.config import *; from clbench.plugins import get_registry\n"
        "(c,) = resolve(get_registry(), Options(methods=('zero-shot',), stream='mine.yaml', device='cpu',"
        " backbone='mini-clip'))\n"
        "print(c.stream, [m for m in ('torch', 'datasets', 'pandas', 'open_clip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "mine []\n"

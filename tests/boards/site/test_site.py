"""The leaderboard site as files: links, escaping, determinism, downloads, what stands in its way."""

import json
import re
import shlex
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clbench.boards import board_of
from clbench.boards.rerun import rerun_command, rerun_remarks
from clbench.boards.site import Known, build_site
from clbench.boards.site.assets import vendored
from clbench.boards.site.naming import Names, slug
from clbench.cli.run import read_options, run
from clbench.config import Options, resolve
from clbench.errors import ConfigError, RecordError
from clbench.plugins import get_registry
from clbench.results import RECORD_FILE, Failure, load_records, write_record
from clbench.specs import Assumptions, MethodSpec
from clbench.testing.records import make_record
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

ROOT = Path(__file__).parents[3]
HOSTILE = '"><script>alert(1)</script>&{{ 1300 * 1301 }}'


class Page(HTMLParser):
    """What a page refers to, its ids, its headings, and all its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references, self.ids, self.headings, self.tags, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("href", "src", "action", "poster", "data"):
            if given.get(name):
                self.references.append((tag, name, given[name]))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def write(folder: Path, *records):
    for number, record in enumerate(records):
        write_record(folder / f"run{number}" / RECORD_FILE, record)
    return folder


def toy_records():
    space = {"assumptions": {"extra_data": True, "task_identity": "inferred"}}
    yield make_record([[80, 40], [70, 90]], method="alpha", seed=0)
    yield make_record([[81, 44], [75, 94]], method="alpha", seed=1)
    yield make_record([[70, 50], [60, 80]], method="beta", method_fields=space)
    yield make_record([[70, 50], [60, 81]], method="beta", order="other", method_fields=space)
    yield make_record([[60, 60], [60, 60]], method="joint", method_fields={"protocol": "joint"})
    failure = Failure(task="t0", error="out of memory", kind="RuntimeError", traceback="Traceback: …")
    changes = {"status": "failed", "metrics": None, "failure": failure, "matrices": {"task": ()}}
    yield make_record(method="gamma").evolve(**changes)


@pytest.fixture(scope="module")
def leaderboards(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("boards"), *toy_records())
    predictions = folder / "run0" / "predictions.npz"
    predictions.write_bytes(b"predictions")
    record = json.loads((folder / "run0" / RECORD_FILE).read_text())
    record["predictions"] = {"file": "predictions.npz", "sha256": "0" * 64}
    (folder / "run0" / RECORD_FILE).write_text(json.dumps(record))
    (folder / "broken").mkdir()
    (folder / "broken" / RECORD_FILE).write_text("{}")
    return folder


@pytest.fixture(scope="module")
def site(leaderboards, tmp_path_factory):
    return build_site(leaderboards, tmp_path_factory.mktemp("out") / "site", ranks=False)


def pages(folder: Path):
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def test_every_link_leads_to_a_file_of_the_site_and_every_anchor_to_an_id(site):
    found = pages(site.out)
    assert len(found) == 2 + 4 + 6 + 3  # boards, methods, runs; index, literature, about
    for path, page in found.items():
        assert len(set(page.ids)) == len(page.ids), path
        for tag, name, target in page.references:
            parts = urlsplit(target)
            if parts.scheme in ("http", "https"):
                assert (tag, name) == ("a", "href"), f"{path} loads {target}"
                continue
            if parts.scheme == "data":
                continue
            assert not parts.scheme
            assert not target.startswith("/")
            file = (path.parent / parts.path).resolve() if parts.path else path
            assert file.is_file(), f"{path} links to {target}"
            assert site.out.resolve() in file.parents
            if parts.fragment:
                assert parts.fragment in Page(file.read_text()).ids, f"{path} links to {target}"


def test_links_out_of_the_site_are_sources_of_the_literature_alone(site):
    out = {
        path.name
        for path, page in pages(site.out).items()
        for _, _, target in page.references
        if urlsplit(target).scheme in ("http", "https")
    }
    assert out == {"literature.html"}


def test_styles_and_own_scripts_load_nothing(site):
    for name in ("style.css", "site.js", "charts.js"):
        text = (site.out / "assets" / name).read_text()
        assert not re.search(r"url\(|@import|https?://|\bfetch\(|XMLHttpRequest|\bimport\s*\(", text), name


def test_headings_go_down_one_level_at_a_time_from_a_single_first(site):
    for path, page in pages(site.out).items():
        assert page.headings[0] == 1, path
        assert page.headings.count(1) == 1, path
        steps = [b - a for a, b in pairwise(page.headings)]
        assert max(steps, default=0) <= 1, path


def test_equal_records_give_equal_bytes_wherever_they_lie(site, leaderboards, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for number, folder in enumerate(sorted(leaderboards.iterdir(), reverse=True)):
        if folder.name != "broken":  # its message has its path
            (elsewhere / f"x{number}").mkdir(parents=True)
            for file in folder.iterdir():
                (elsewhere / f"x{number}" / file.name).write_bytes(file.read_bytes())
    one = build_site(elsewhere, tmp_path / "one", ranks=False)
    again = build_site(elsewhere, tmp_path / "again", ranks=False)
    files = [path.relative_to(one.out) for path in sorted(one.out.rglob("*")) if path.is_file()]
    assert {str(path) for path in files} == set(one.sizes) == set(again.sizes) == set(site.sizes)
    for path in files:
        assert (one.out / path).read_bytes() == (again.out / path).read_bytes(), path
    name = "runs/alpha-toy-stream-default-seed0-alpha-to/index.html"
    assert (one.out / name).read_bytes() == (site.out / name).read_bytes()


def test_hostile_names_are_text(tmp_path):
    hostile = make_record(
        method=HOSTILE,
        stream=HOSTILE,
        order="../..",
        backbone=HOSTILE,
        settings={"note": HOSTILE, "</script>": 1},
        notes=(HOSTILE,),
        declared={HOSTILE: HOSTILE},
        method_fields={"title": HOSTILE, "citation": HOSTILE},
    )
    site = build_site(write(tmp_path / "in", hostile), tmp_path / "out", title=HOSTILE)
    for path, page in pages(site.out).items():
        scripts = [ref for ref in page.references if ref[0] == "script"]
        assert page.tags.count("script") == len(scripts) + path.read_text().count("application/json"), path
        assert HOSTILE in page.text, path
        assert "1691300" not in page.text, path
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", path) for path in site.sizes)
    for path in site.out.rglob("*.html"):
        for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', path.read_text()):
            json.loads(text)


def test_figures_are_those_of_the_board(site, leaderboards):
    board = board_of(load_records([leaderboards]).records)
    text = Page((site.out / "index.html").read_text()).text
    for table in board.tables:
        for row in table.rows:
            for interval in row.values.values():
                assert f"{interval.mean:.2f}".replace("-", "−") in text


def test_measured_and_published_figures_are_never_in_one_table(site):
    index, literature = (site.out / name for name in ("index.html", "literature.html"))
    assert "LEBA" not in Page(index.read_text()).text
    assert "LEBA" in Page(literature.read_text()).text
    assert "toy-stream" not in Page(literature.read_text()).text


def test_boards_that_cannot_be_compared_say_why(site):
    text = Page((site.out / "index.html").read_text()).text
    assert "Not comparable with the board toy-stream, order default : different order" in text


def test_boards_of_equal_stream_and_order_have_titles_and_pages_of_their_own(tmp_path):
    records = [
        make_record(backbone="small"),
        make_record(backbone="large"),
        make_record(backbone="large", label_space="union"),
        make_record(backbone="large", protocol={"templates": "others"}),
        make_record([[1, 2, 3]] * 3, backbone="large"),
    ]
    site = build_site(write(tmp_path / "in", *records), tmp_path / "out")
    boards = site.contents.boards
    assert len(boards) == len({board.title for board in boards}) == len({board.name for board in boards}) == 5
    assert {"toy-stream, order default, small", "toy-stream, order default, large, label space union"} < {
        board.title for board in boards
    }
    text = Page((site.out / "index.html").read_text()).text
    assert text.count("Not comparable with the board") == 4
    assert "different backbone" in text


def test_older_runs_of_a_seed_have_pages_but_no_place_on_the_board(tmp_path):
    records = [make_record([[80, 40], [70, 90]], minutes=0), make_record([[10, 20], [30, 40]], minutes=5)]
    site = build_site(write(tmp_path / "in", *records), tmp_path / "out")
    [board] = site.contents.boards
    assert [view.row.seeds for view in board.rows if view.runs] == [1]
    texts = [Page(path.read_text()).text for path in sorted(site.out.glob("runs/*/index.html"))]
    assert sorted("It is not on the board: a later" in text for text in texts) == [False, True]


def test_a_run_that_mixes_forms_of_its_traps_says_so(tmp_path):
    folder = write(tmp_path / "in", make_record(seed=0), make_record(seed=1))
    forms = {0: "mixed (published; intended: scale)", 1: "published"}
    site = build_site(folder, tmp_path / "out", form=lambda record: forms[record.seed])
    texts = [Page(path.read_text()).text for path in sorted(site.out.glob("runs/*/index.html"))]
    said = "it does some of each (published; intended: scale): clbench traps toy."
    assert [said in text for text in texts] == [True, False]


def test_a_failed_run_has_a_page_with_what_it_died_of(site):
    [path] = site.out.glob("runs/gamma-*/index.html")
    text = Page(path.read_text()).text
    assert "It failed in task t0: RuntimeError: out of memory" in text
    assert "Traceback: …" in text


def test_a_bad_record_is_named_and_stops_nothing(site, leaderboards):
    [line] = site.contents.left_out
    assert "broken/record.json" in line
    assert str(leaderboards) not in line  # where it lies on this machine is nobody's business
    assert line in Page((site.out / "index.html").read_text()).text


def test_a_method_that_is_not_installed_has_what_its_records_say(tmp_path, leaderboards):
    spec = MethodSpec(name="alpha", title="Alpha!", summary="does it", factory="", settings="")
    site = build_site(leaderboards, tmp_path / "out", known={"alpha": Known(spec, "clbench-alpha 2")})
    alpha = Page((site.out / "methods/alpha.html").read_text()).text
    beta = Page((site.out / "methods/beta.html").read_text()).text
    assert "Alpha!" in alpha
    assert "clbench-alpha 2" in alpha
    assert "not installed where this page was made" in beta
    assert "from outside of the tasks" in beta
    assert spec.assumptions == Assumptions()


def test_runs_of_the_site_are_records_like_any_other(site, leaderboards):
    copied = load_records([site.out / "runs"])
    assert not copied.problems
    assert sorted(r.run_id for r in copied.records) == sorted(
        r.run_id for r in load_records([leaderboards]).records
    )
    kept = [path.parent.name for path in site.out.rglob("predictions.npz")]
    assert kept == ["alpha-toy-stream-default-seed0-alpha-to"]


def test_predictions_can_be_left_out(leaderboards, tmp_path):
    site = build_site(leaderboards, tmp_path / "out", predictions=False, ranks=False)
    assert not list(site.out.rglob("*.npz"))
    assert "which this copy of the site leaves out" in Page((site.out / "about.html").read_text()).text


@pytest.mark.parametrize("name", ["../run1/record.json", "/etc/hostname", "linked.npz"])
def test_a_record_makes_no_other_file_public(tmp_path, name):
    folder = write(tmp_path / "in", make_record(), make_record(seed=1))
    path = folder / "run0" / RECORD_FILE
    record = json.loads(path.read_text())
    record["predictions"] = {"file": name, "sha256": "0" * 64}
    path.write_text(json.dumps(record))
    (folder / "run0" / "linked.npz").symlink_to("/etc/hostname")
    site = build_site(folder, tmp_path / "out")
    assert {Path(p).name for p in site.sizes if p.startswith("runs/")} == {"index.html", "record.json"}


def test_data_files_have_the_rows(site):
    import pandas as pd

    text = pd.read_csv(site.out / "data/board.csv")
    binary = pd.read_parquet(site.out / "data/board.parquet")
    assert list(text["method"]) == list(binary["method"])
    assert text["average"].tolist() == pytest.approx(binary["average"].tolist(), nan_ok=True)
    runs = json.loads((site.out / "data/runs.json").read_text())
    assert len(runs) == 6
    assert all((site.out / run["page"]).is_file() for run in runs)


def test_the_address_adds_canonical_links(leaderboards, tmp_path):
    site = build_site(leaderboards, tmp_path / "out", base_url="https://example.org/board/", ranks=False)
    text = (site.out / "methods/alpha.html").read_text()
    assert '<link rel="canonical" href="https://example.org/board/methods/alpha.html">' in text
    assert "https://example.org/board/index.html" in (site.out / "sitemap.txt").read_text().split()


def test_a_new_site_replaces_the_old_and_leaves_other_files(leaderboards, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "CNAME").write_text("example.org")
    build_site(leaderboards, out, ranks=False)
    only = write(tmp_path / "in", make_record(method="delta"))
    (out / "index.html").write_text("changed")
    site = build_site(only, out)
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert there == {*site.sizes, "CNAME"}
    assert not (out / "methods" / "alpha.html").exists()
    assert [path.name for path in (out / "runs").iterdir()] == ["delta-toy-stream-default-seed0-delta-to"]
    assert "delta" in (out / "index.html").read_text()


def test_a_site_cut_short_can_be_written_again(leaderboards, tmp_path, monkeypatch):
    from clbench.boards.site import writing

    wrote = writing._write

    def dies(target, body):
        if target.name == "literature.html":
            raise KeyboardInterrupt
        wrote(target, body)

    monkeypatch.setattr(writing, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        build_site(leaderboards, tmp_path / "out", ranks=False)
    monkeypatch.undo()
    site = build_site(leaderboards, tmp_path / "out", ranks=False)
    assert (site.out / "literature.html").is_file()


def test_files_of_others_are_not_overwritten(leaderboards, tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ConfigError, match=r"index\.html would be overwritten"):
        build_site(leaderboards, tmp_path, ranks=False)
    assert (tmp_path / "index.html").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_the_site_cannot_lie_among_its_records(leaderboards):
    with pytest.raises(ConfigError, match="taken for records"):
        build_site(leaderboards, leaderboards / "site")


def test_a_folder_without_records_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(RecordError, match="there is no record under"):
        build_site(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_libraries_are_named_with_the_command(leaderboards, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ConfigError, match=r"pip install .altair.*vl-convert-python"):
        build_site(leaderboards, tmp_path / "out", ranks=False)
    assert not (tmp_path / "out").exists()


def test_vendored_files_are_what_their_checksums_say():
    import hashlib
    from importlib.resources import files

    home = files("clbench.boards.site").joinpath("assets", "vendor")
    for path, about in vendored().items():
        body = home.joinpath(path).read_bytes()
        assert hashlib.sha256(body).hexdigest() == about["sha256"]
        assert about["version"].encode() in body[:200]


@given(st.text())
def test_slugs_are_safe_names(text):
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", slug(text))
    assert ".." not in slug(text)


@given(st.lists(st.text(max_size=4)))
def test_each_text_has_a_name_of_its_own(texts):
    names = Names()
    given_names = [names.give(text) for text in texts]
    assert len(set(given_names)) == len(set(texts))
    assert [names.give(text) for text in texts] == given_names


RECORDED = sorted((ROOT / "leaderboards" / "mini" / "records").glob("*/*-seed2"))


@pytest.mark.parametrize("folder", RECORDED, ids=[f"{f.parent.name}-{f.name}" for f in RECORDED])
def test_the_command_of_a_record_has_its_configuration(folder):
    [record] = load_records([folder]).records
    for every in (False, True):
        words = shlex.split(rerun_command(record, every_setting=every))
        assert words[:3] == ["OMP_NUM_THREADS=1", "clbench", "run"]
        values = dict(run.make_context("run", words[3:]).params)
        file, assignments = values.pop("config"), values.pop("set_")
        for name in ("plain", "dry_run", "jobs", "stall_timeout", "in_process"):
            del values[name]  # they decide no figure
        [config] = resolve(get_registry([]), read_options(file, assignments, values))
        recorded = record.config
        for name in ("method", "stream", "order", "backbone", "seed", "device", "precision", "eval_batch"):
            assert config.as_json()[name] == recorded[name]
        # A setting that came with a later version of the method is in no earlier record.
        assert {name: config.settings[name] for name in recorded["settings"]} == recorded["settings"]
        if set(config.settings) == set(recorded["settings"]):
            # The code that was recorded may be older than the code that is installed.
            code = {name: recorded.get(name, "") for name in ("method_version", "method_digest")}
            assert replace(config, **code).key == record.run_id


def test_data_sets_of_no_task_are_shown_and_asked_for_again(tmp_path):
    held = {"title": "Held out", "classes": 7, "test": 1234, "digest": "d", "zero_shot": 61.25}
    record = make_record(held_out={"flowers": {**held, "after": (60.5, 59.75)}})
    site = build_site(write(tmp_path / "in", record), tmp_path / "out")
    [path] = site.out.glob("runs/*/index.html")
    text = Page(path.read_text()).text
    assert "Held out 7 1,234 61.25 60.50 59.75" in text
    assert "--held-out flowers" in text


def test_files_of_the_users_are_in_the_command_and_said():
    config = {"stream_file": "/data/own stream.yaml", "backbone_file": "ViT-B-32:/data/w.pt"}
    record = make_record(config=config)
    words = shlex.split(rerun_command(record))
    assert words[words.index("--stream") + 1] == "/data/own stream.yaml"
    assert words[words.index("--backbone") + 1] == "ViT-B-32:/data/w.pt"
    assert ["a file of the user's" in remark for remark in rerun_remarks(record)].count(True) == 2


def test_the_command_has_the_users_settings_quoted():
    record = make_record(
        method="toy",
        settings={"a": "two words", "b": "true", "c": 1e-5, "d": [1, "x"], "e": 3},
        sources=dict.fromkeys("abcd", "user"),
    )
    words = shlex.split(rerun_command(record))
    chosen = [word for before, word in pairwise(words) if before == "--set"]
    read = Options.read({"set": chosen}, "the command")
    assert not read.problems
    assert read.settings["toy"] == {"a": "two words", "b": "true", "c": 1e-5, "d": [1, "x"]}

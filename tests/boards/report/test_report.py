"""The report: one page that needs nothing else, shows what records have, and escapes what others wrote."""

import re
import shlex
from pathlib import Path

import html5lib
import pytest
from clbench.boards import board_of
from clbench.boards.claims.frame import ClaimsBoard
from clbench.boards.claims.verdicts import compare
from clbench.boards.figures import draw
from clbench.boards.figures.courses import subjects_of
from clbench.boards.figures.drawing.inlinesvg import InlineSVG
from clbench.boards.report import render_report, report_of
from clbench.errors import RecordError
from clbench.results.claims import Claim
from clbench.results.records import Failure, Resources
from clbench.results.store import LoadedRecords, Problem, StoredRecord
from clbench.testing.records import make_record

A = ((80.0, 35.0, 28.0), (72.0, 90.0, 31.0), (75.0, 66.0, 60.0))
B = ((82.0, 37.0, 20.0), (70.0, 80.0, 21.0), (61.0, 70.0, 64.0))
EVIL = "<script>alert('x')</script><img src=https://evil.example/x onerror=alert(1)>&\"'"


def stored(*records, problems=()):
    return LoadedRecords(
        tuple(StoredRecord(Path(f"runs/{k}/record.json"), r) for k, r in enumerate(records)), tuple(problems)
    )


def page_of(*records, problems=(), **options):
    loaded = stored(*records, problems=problems)
    return render_report(report_of(loaded, board_of(loaded.records), **options))


def parsed(text):
    """The document's tree; raises where the text is not valid html."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def several():
    return [
        make_record(matrix, method=method, seed=seed, order=order)
        for order in ("I", "II")
        for method, those in (("alpha", (A, B)), ("beta", (B, A)))
        for seed, matrix in enumerate(those)
    ]


@pytest.fixture(scope="module")
def page():
    return page_of(*several())


def test_nothing_is_loaded_from_elsewhere(page):
    for element in parsed(page).iter():
        for name, value in element.attrib.items():
            plain = name if isinstance(name, str) else name[1]
            plain = plain.rpartition("}")[2]
            if plain in (
                "src",
                "href",
                "srcset",
                "data",
                "poster",
                "action",
                "formaction",
                "background",
                "cite",
            ):
                assert value.startswith("#"), (element.tag, name, value)
            assert not plain.startswith("on"), (element.tag, name)
            assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", value))
        assert element.tag not in ("script", "link", "iframe", "object", "embed", "base", "image")
        if element.tag == "style":
            assert "@import" not in element.text
            assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", element.text))


def test_names_within_the_page_are_unique_and_lead_somewhere(page):
    ids = [element.get("id") for element in parsed(page).iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    targets = re.findall(r'(?:href="|url\()#([^")]+)', page)
    assert len(targets) > 20
    assert set(targets) <= set(ids)


def test_it_shows_every_figure_of_the_records(page):
    alts = [e.get("aria-label") for e in parsed(page).iter() if e.tag.endswith("svg")]
    assert sorted(alts) == sorted(drawing.alt for drawing in draw(several()))


def test_it_shows_each_runs_matrix(page):
    shown = []
    for table in parsed(page).iter("table"):
        if table.get("class") == "matrix":
            rows = [[cell.text for cell in row.iter("td")] for row in table.iter("tr")]
            shown.append([row for row in rows if row])
    expected = [
        [[f"{x:.1f}" for x in row] for row in (r.zero_shot["task"], *r.matrix)]
        for subject in subjects_of(several())
        for course in subject.courses
        for r in course.records
    ]
    assert shown == expected


def test_tables_have_the_figures_of_the_leaderboard(page):
    text = "".join(parsed(page).itertext())
    for table in board_of(several()).tables:
        for row in table.rows:
            for interval in row.values.values():
                assert f"{interval.mean:.2f}" in text


def test_the_same_records_give_the_same_page(page):
    assert page_of(*several()) == page


def test_each_run_has_the_command_that_does_it_again():
    record = make_record(
        A, settings={"lr": 0.5, "prompt": "a photo -- of"}, sources=dict.fromkeys(["lr", "prompt"], "user")
    )
    loaded = stored(record)
    report = report_of(loaded, board_of(loaded.records))
    document = parsed(render_report(report))
    shown = [shlex.split(pre.text.replace("\\\n", "")) for pre in document.iter("pre")]
    assert shlex.split(report.runs[0].command) in shown
    assert "toy.prompt=a photo -- of" in shown[0]


def test_settings_say_where_they_come_from():
    sources = {"a": "default", "b": "tuned", "c": "user"}
    document = parsed(page_of(make_record(A, settings={"a": 1, "b": 2.5, "c": None}, sources=sources)))
    rows = [["".join(cell.itertext()) for cell in row] for row in document.iter("tr")]
    assert ["a", "1", "default (the paper's)"] in rows
    assert ["b", "2.5", "tuned for the stream"] in rows
    assert ["c", "null", "chosen by the user"] in rows


def test_what_others_wrote_is_escaped():
    hostile = make_record(
        A,
        method="evil",
        settings={"prompt": EVIL},
        sources={"prompt": "user"},
        backbone=EVIL,
        order=EVIL,
        method_fields={"title": EVIL, "version": EVIL, "distribution": EVIL},
        notes=(EVIL,),
        declared={EVIL: EVIL},
    )
    failure = Failure(task=EVIL, error=EVIL, kind=EVIL)
    failed = make_record(A[:1], method="worse", status="failed", failure=failure, backbone=EVIL, order=EVIL)
    tasks = tuple(task.model_copy(update={"title": EVIL}) for task in hostile.stream.tasks)
    hostile = hostile.evolve(stream=hostile.stream.model_copy(update={"tasks": tasks}))
    problem = Problem(Path(EVIL), RecordError(EVIL, why=EVIL))
    text = page_of(
        hostile, failed, problems=[problem], title=EVIL, command=f"clbench report {shlex.quote(EVIL)}"
    )
    document = parsed(text)
    assert not [e for e in document.iter() if e.tag in ("script", "img")]
    assert "<script" not in text
    assert EVIL in "".join(document.find("body/div/header/h1").itertext())
    test_nothing_is_loaded_from_elsewhere(text)


def cautions(*records, problems=(), form=None):
    loaded = stored(*records, problems=problems)
    found = report_of(loaded, board_of(loaded.records), form=form).cautions
    return {
        level: " ".join(c.text for c in found if c.level == level) for level in ("failed", "beware", "note")
    }


def test_failures_come_first():
    failed = make_record(
        A[:1], method="b", status="failed", failure=Failure(task="t1", error="no room", kind="MemoryError")
    )
    running = make_record(A[:2], method="c", status="running")
    problem = Problem(Path("x"), RecordError("x/record.json is not JSON"))
    said = cautions(make_record(A), failed, running, problems=[problem])["failed"]
    assert "b, seed 0, order default: MemoryError in task t1: no room" in said
    assert "c, seed 0, order default, 2 of 3 tasks" in said
    assert "x/record.json is not JSON" in said


def test_where_no_figure_has_several_methods_that_is_said():
    failure = Failure(task="t1", error="no room", kind="MemoryError")
    late = make_record(A[:1], method="b", status="failed", failure=failure)
    failed = [late, make_record(A[:1], method="c", status="failed", failure=failure, matrices={"task": ()})]
    for those, said in ((failed, True), ([make_record(A), make_record(B, method="b")], False)):
        loaded = stored(*those)
        text = render_report(report_of(loaded, board_of(loaded.records)))
        assert ("None shows several methods yet" in text) is said


def test_changed_code_other_packages_and_other_machines_are_said():
    clean = make_record(A)
    origin = clean.provenance
    other = make_record(B, seed=1).evolve(
        provenance=origin.model_copy(
            update={"dirty": True, "commit": "c0ffee", "versions": {"clbench": "0.2.0"}, "device": "GPU"}
        )
    )
    said = cautions(clean, other)
    assert "1 of 2 runs was made by code with changes" in said["beware"]
    assert "clbench 0.1.0 and 0.2.0" in said["beware"]
    assert "2 kinds of machines" in said["beware"]
    assert "2 commits" in said["note"]


def test_unequal_seconds_and_seeds_are_said():
    slow = make_record(B, seed=1).evolve(resources=Resources(learn_seconds=(2.0, 2.0, 2.0)))
    said = cautions(make_record(A), slow, make_record(B, method="once"))["beware"]
    assert "toy (3 to 6 s)" in said
    assert "fewer seeds than the 2 of others have once (1)" in said
    assert "toy" not in cautions(make_record(A), make_record(B, seed=1))["beware"]


def test_an_inferred_task_is_said():
    guesser = make_record(A, method_fields={"assumptions": {"task_identity": "inferred"}})
    assert "inferred at test" in cautions(guesser)["beware"]
    told = make_record(A, method_fields={"assumptions": {"task_identity": "given"}})
    assert "told at test" in cautions(told)["beware"]


def test_a_run_that_mixes_forms_of_its_traps_is_said():
    records = [make_record(A), make_record(B, method="pure")]
    forms = {"toy": "mixed (published; intended: scale)", "pure": "published"}
    said = cautions(*records, form=lambda record: forms[record.method.name])["note"]
    assert "toy: where published code and what is meant differ" in said
    assert "(published; intended: scale)" in said
    assert "pure: where" not in said
    assert "where published code" not in cautions(*records)["note"]


def test_a_run_that_another_supersedes_is_shown_as_such():
    old, new = make_record(A), make_record(B, minutes=5)
    text = "".join(parsed(page_of(old, new)).itertext())
    assert "superseded by another run of this seed" in text


def test_published_figures_stand_beside_the_records():
    record = make_record(A, method="alpha")
    claim = Claim(
        method="alpha",
        table="Table 9",
        source="a paper",
        kind="own",
        row="ALPHA",
        setting="s",
        stream="toy-stream",
        protocol="toy protocol",
        order="default",
        shots="full",
        label_space="task",
        backbone="toy-clip",
        average=60.0,
    )
    board = compare([claim], [record])
    assert isinstance(board, ClaimsBoard)
    text = "".join(parsed(page_of(record, claims=board)).itertext())
    assert "Published figures" in text
    assert "ALPHA" in text
    assert "Table 9" not in "".join(parsed(page_of(record)).itertext())


def test_there_must_be_a_record():
    with pytest.raises(ValueError, match="no records"):
        report_of(stored(), board_of([]))


def test_inline_figures_keep_their_names_and_styles_apart():
    svg = InlineSVG()
    elements = [svg.element(drawing.svg(), "what it shows") for drawing in draw(several()[:2])]
    for element in elements:
        ids = set(re.findall(r' id="([^"]+)"', element))
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', element)) == ids
        assert "font-family" not in element
    every = [name for element in elements for name in re.findall(r' id="([^"]+)"', element)]
    assert len(set(every)) == len(every)
    used = {name for element in elements for name in re.findall(r' class="(k\d+)"', element)}
    assert used == set(re.findall(r"^\.(k\d+)\{", svg.style, re.MULTILINE))
    assert "var(--ink)" in svg.style


@pytest.mark.parametrize(("each", "count"), [(None, 1), (True, 7), (False, 1)])
def test_of_many_methods_the_best_alone_has_figures_of_its_own(each, count):
    text = page_of(*(make_record(A, method=f"m{n}") for n in range(7)), each=each)
    assert len(re.findall(r'aria-label="Accuracy matrix of m\d \(', text)) == count
    assert ("with <code>--each</code> all have" in text) == (each is not True)

"""Claims beside records: each gets a verdict, and the same one whatever the order of the records."""

import csv
import io
import json
import random

import pytest
from clbench.boards.claims.frame import STATUSES
from clbench.boards.claims.tables import CLAIM_FORMATS, render_claims
from clbench.boards.claims.verdicts import compare
from clbench.config.presets import Preset
from clbench.errors import ConfigError, UnknownNameError
from clbench.results import Failure
from clbench.results.claims import Claim, OtherClaim
from clbench.testing.records import make_record
from hypothesis import given
from hypothesis import strategies as st

# Of this matrix: Transfer 40, Average 70, Last 80.
MATRIX = ((80.0, 40.0), (70.0, 90.0))
FAILURE = Failure(task="t1", step=3, error="loss became NaN", kind="NotFiniteError")


def claim(settings=None, **changes):
    if settings:
        run = Preset(
            name=json.dumps(settings),
            method="toy",
            stream="toy-stream",
            orders=("default",),
            protocol="toy protocol",
            shots="full",
            settings=settings,
            origin="rerun",
            source="a file",
        )
        changes |= {"run": run, "preset": run.name}
    values = {
        "method": "toy",
        "row": "Toy",
        "setting": "toy tasks",
        "stream": "toy-stream",
        "protocol": "toy protocol",
        "order": "default",
        "shots": "full",
        "label_space": "task",
        "backbone": "toy-clip",
        "table": "Table 1",
        "source": "a paper",
        "kind": "own",
        "transfer": 40.0,
        "average": 70.0,
        "last": 80.0,
    }
    return Claim(**(values | changes))


OTHER = OtherClaim(
    method="toy",
    row="Toy",
    quantity="captions, CIDEr",
    value=119.53,
    table="Table 2",
    source="a paper",
    kind="own",
    incomparable="another task",
)


def shifted(points, **more):
    return make_record([[x + points for x in row] for row in MATRIX], **more)


def verdict(claim, records, **more):
    (comparison,) = compare([claim], records, **more).comparisons
    return comparison


def test_within_the_tolerance_it_is_reproduced():
    found = verdict(claim(), [shifted(0.5)])
    assert (found.status, found.seeds, found.run) == ("reproduced", 1, "toy")
    assert {name: interval.mean for name, interval in found.found.items()} == pytest.approx(
        {"transfer": 40.5, "average": 70.5, "last": 80.5}
    )
    assert "+0.50" in found.reason
    assert verdict(claim(), [shifted(-0.51)]).status == "not reproduced"


def test_a_difference_of_exactly_the_tolerance_is_within_it():
    # In binary 64.4 - 63.9 is more than 0.5.
    record = make_record([[63.9, 63.9], [63.9, 63.9]])
    assert 64.4 - 63.9 > 0.5
    assert verdict(claim(transfer=64.4, average=64.4, last=64.4), [record]).status == "reproduced"


def test_one_figure_off_is_not_reproduced_and_said_by_how_much():
    found = verdict(claim(transfer=42.25), [shifted(0)])
    assert (found.status, found.reason) == ("not reproduced", "Transfer -2.25")


def test_figures_that_are_not_claimed_do_not_matter():
    assert verdict(claim(transfer=None, average=None), [shifted(0)]).status == "reproduced"


def test_the_interval_over_seeds_decides_beyond_the_tolerance():
    near = [shifted(p, seed=s) for s, p in enumerate((-1.0, -1.1, -0.9))]  # -1 ± 0.25
    wide = [shifted(p, seed=s) for s, p in enumerate((-3.0, -1.0, 1.0))]  # -1 ± 4.97
    assert verdict(claim(), near).status == "not reproduced"
    found = verdict(claim(), wide)
    assert (found.status, found.seeds) == ("undecided", 3)
    assert "the interval over 3 seeds reaches" in found.reason
    assert verdict(claim(), near, tolerance=0.8).status == "undecided"
    assert verdict(claim(), near, tolerance=1.0).status == "reproduced"


def test_without_records_of_the_method_it_was_never_run():
    found = verdict(claim(), [shifted(0, method="other")])
    assert (found.status, found.reason) == ("never run", "no record of toy")


def test_runs_that_did_not_end_are_counted():
    failed = make_record().evolve(status="failed", metrics=None, failure=FAILURE, matrices={"task": ()})
    running = make_record(seed=1).evolve(status="running", metrics=None, matrices={"task": ()})
    found = verdict(claim(), [failed, running])
    assert (found.status, found.reason) == ("never run", "1 run failed; 1 run not finished yet")
    assert verdict(claim(), [failed, running, shifted(0, seed=2)]).status == "reproduced"


def test_other_circumstances_are_named_the_weightiest_in_full():
    far = make_record(stream="mini", order="II", settings={"lr": 3.0}, sources={"lr": "user"})
    found = verdict(claim(), [far])
    assert found.status == "not comparable"
    assert found.reason == "stream is mini, not toy-stream; also other order, settings"
    near = make_record(settings={"lr": 3.0}, sources={"lr": "user"})
    assert verdict(claim(), [far, near]).reason == "lr is 3.0, not the published value"
    assert verdict(claim(), [far, near], settings_of=lambda c: {"lr": 3.0}).status == "reproduced"


def test_a_claim_that_no_record_can_meet_says_why():
    assert verdict(claim(incomparable="mixed"), [shifted(0)]).reason == "mixed"
    assert verdict(OTHER, [shifted(0)]).status == "not comparable"


def test_other_label_spaces_of_a_record_are_compared():
    record = make_record()
    record = record.evolve(matrices={**record.matrices, "union": ((70.0, 30.0), (60.0, 80.0))})
    found = verdict(claim(label_space="union", transfer=30.0, average=60.0, last=70.0), [record])
    assert found.status == "reproduced"


def test_missing_values_are_not_compared():
    record = make_record([[80.0, None], [70.0, 90.0]])
    found = verdict(claim(), [record])
    assert found.status == "not comparable"
    assert found.reason == "the records have no transfer and no average"


def test_protocols_are_never_averaged():
    records = [shifted(0, seed=0), shifted(5, seed=1, protocol={"templates": "other"})]
    board = compare([claim()], records)
    assert sorted(c.status for c in board.comparisons) == ["not reproduced", "reproduced"]
    assert [c.seeds for c in board.comparisons] == [1, 1]


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_bad_tolerances_are_refused(tolerance):
    with pytest.raises(ConfigError, match="tolerance"):
        compare([], [], tolerance=tolerance)


CLAIMS = st.builds(
    claim,
    method=st.sampled_from(["toy", "other", "none"]),
    stream=st.sampled_from(["toy-stream", "mtil"]),
    order=st.sampled_from(["default", "II"]),
    shots=st.sampled_from(["full", "any", 5]),
    settings=st.sampled_from([{}, {"lr": 0.1}, {"lr": 0.3}]),
    last=st.floats(75, 85),
    incomparable=st.sampled_from(["", "mixed"]),
)


@st.composite
def records(draw):
    made = []
    for number in range(draw(st.integers(0, 6))):
        record = shifted(
            draw(st.floats(-3, 3)),
            method=draw(st.sampled_from(["toy", "other"])),
            seed=draw(st.integers(0, 2)),
            order=draw(st.sampled_from(["default", "II"])),
            settings={"lr": draw(st.sampled_from([0.1, 0.3]))},
            sources={"lr": draw(st.sampled_from(["default", "user"]))},
            protocol={"templates": draw(st.sampled_from(["t", "u"]))},
            minutes=number,
        )
        status = draw(st.sampled_from(["finished", "finished", "failed", "running"]))
        if status != "finished":
            failure = FAILURE if status == "failed" else None
            record = record.evolve(status=status, metrics=None, failure=failure)
        made.append(record)
    return made


@given(st.lists(CLAIMS, max_size=4, unique_by=lambda c: c.model_dump_json()), records(), st.randoms())
def test_verdicts_are_total_and_deterministic(claims, records, chance: random.Random):
    board = compare(claims, records)
    assert all(c.status in STATUSES and c.reason for c in board.comparisons)
    for each in claims:
        of_it = [c for c in board.comparisons if c.claim == each]
        assert of_it
        assert len({c.status for c in of_it if c.status in ("never run",)}) == 0 or len(of_it) == 1
        for c in of_it:
            judged = c.status in ("reproduced", "not reproduced", "undecided")
            assert judged == (set(c.found) == set(each.figures))
            if c.status == "reproduced":
                assert all(abs(c.found[n].mean - x) <= 0.5 + 1e-8 for n, x in each.figures.items())
            if c.status == "not reproduced":
                assert any(abs(c.found[n].mean - x) > 0.5 for n, x in each.figures.items())
    again_claims, again = list(claims), list(records)
    chance.shuffle(again_claims)
    chance.shuffle(again)
    assert compare(again_claims, again) == board


@pytest.fixture
def board():
    long = claim(row="A method with a name that goes on and on", order="random a", transfer=67.23)
    claims = [
        claim(),
        claim(method="reproducible", settings={"lr": 0.1}),
        claim(method="wide", order="II"),
        claim(method="absent", row="a|b*"),
        long,
        OTHER,
    ]
    runs = [shifted(1), shifted(0.1, method="reproducible")]
    runs += [shifted(p, method="wide", order="II", seed=s) for s, p in enumerate((-3.0, -1.0, 1.0))]
    return compare(claims, runs, notes=["left out: a file"])


def test_all_verdicts_in_a_terminal_of_120_columns(board):
    text = render_claims(board)
    assert {c.status for c in board.comparisons} == set(STATUSES)
    heads = [
        "Reproduced within ± 0.5 points (1)",
        "Not reproduced",
        "Undecided",
        "Never run",
        "Not comparable",
    ]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 120
    assert "40.0/70.0/80.0" in text
    assert "67.23/70.0/80.0" in text
    assert "40.10/70.10/80.10" in text
    assert "Transfer +1.00" in " ".join(text.split())
    assert text.endswith("* left out: a file")


def test_markdown_keeps_a_row_on_a_line(board):
    lines = render_claims(board, "md").splitlines()
    (row,) = [line for line in lines if "goes on and on" in line]
    assert "order is default, not random a" in row
    assert any(r"a\|b\*" in line for line in lines)


def test_csv_and_json_have_unrounded_figures_and_sources(board):
    table = list(csv.DictReader(io.StringIO(render_claims(board, "csv") + "\n")))
    document = json.loads(render_claims(board, "json"))
    assert [row["status"] for row in table] == [row["status"] for row in document]
    (row,) = [row for row in document if row["method"] == "reproducible"]
    assert row["claimed_last"] == 80.0
    assert row["found_last"] == pytest.approx(80.1)
    assert row["difference_last"] == pytest.approx(0.1)
    assert row["found_last_ci95"] is None
    assert (row["seeds"], row["run"], row["table"], row["source"]) == (
        1,
        "reproducible",
        "Table 1",
        "a paper",
    )
    (other,) = [row for row in document if row["stream"] is None]
    assert other["row"] == "Toy: captions, CIDEr 119.53"
    assert list(document[0]) == list(table[0])


@pytest.mark.parametrize("name", CLAIM_FORMATS)
def test_without_claims_there_is_something_to_read(name):
    text = render_claims(compare([], []), name)
    assert text in ("no claims", "[]") or text.startswith("status,method")


def test_unknown_formats_are_named():
    with pytest.raises(UnknownNameError, match="did you mean 'json'"):
        render_claims(compare([], []), "jsn")

"""The card of a method: declared words, and costs that are never averaged over machines or streams."""

import json

import pytest
from clbench.boards.card import Card, card_grids, declared, render_card
from clbench.boards.tables.costs import costs_of
from clbench.results import Failure, Resources
from clbench.specs import Assumptions, MethodSpec
from clbench.testing.records import make_record

FAILURE = Failure(task="t1", step=3, error="loss became NaN", kind="NotFiniteError")


def spec(**more):
    return MethodSpec(name="toy", title="Toy", summary="a toy", factory="a:b", settings="a:b", **more)


def record(seed=0, device="cpu", resources=None, **more):
    made = make_record(seed=seed, **more)
    spent = {
        "trainable_parameters": (10, 20),
        "stored_parameters": (100, 140),
        "peak_memory_bytes": 2**30,
        "learn_seconds": (1.0, 3.0),
        "evaluate_seconds": (0.5, 0.7),
    }
    provenance = made.provenance.model_copy(update={"device": device})
    return made.evolve(resources=Resources(**(spent | (resources or {}))), provenance=provenance)


def test_declared_words_follow_the_assumptions():
    plain = declared(spec())
    assert plain["learns"] == "task after task"
    assert {plain[n] for n in ("extra data", "replay", "generated images")} == {"no"}
    assert (plain["task identity"], plain["external models"]) == ("not used", "none")
    uses = Assumptions(
        extra_data=True,
        replay=True,
        generated_images=True,
        task_identity="inferred",
        external_models=("AlexNet", "DDAS"),
    )
    full = declared(spec(assumptions=uses, protocol="joint", requires=("class_pool",)))
    assert "no" not in {full[n] for n in ("extra data", "replay", "generated images")}
    assert (full["task identity"], full["external models"]) == ("inferred at test", "AlexNet, DDAS")
    assert (full["requires"], full["learns"]) == ("class pool", "all tasks at once (a bound, not ranked)")


def test_costs_are_those_of_the_records():
    later = {"peak_memory_bytes": 3 * 2**30, "learn_seconds": (2.0, 4.0), "stored_parameters": (100, 160)}
    (cost,) = costs_of([record(), record(seed=1, resources=later)])
    assert (cost.run, cost.seeds, cost.tasks) == ("toy", 2, 2)
    assert (cost.trainable_parameters, cost.stored_parameters) == (20, 160)
    assert cost.growth_per_task == 50.0  # 40 and 60
    assert cost.peak_memory_bytes == 3 * 2**30
    assert (cost.learn_seconds, cost.evaluate_seconds) == (2.5, pytest.approx(0.6))


def test_growth_is_per_task_after_the_first():
    three = [[80.0, 40.0, 30.0], [70.0, 90.0, 30.0], [70.0, 80.0, 60.0]]
    (cost,) = costs_of([record(matrix=three, resources={"stored_parameters": (5, 5, 11)})])
    assert cost.growth_per_task == 3.0


def test_machines_streams_and_settings_are_kept_apart():
    records = [
        record(),
        record(device="H200"),
        record(stream="other"),
        record(settings={"lr": 0.3}, sources={"lr": "user"}),
    ]
    found = [(c.run, c.stream, c.device) for c in costs_of(records)]
    assert sorted(found) == [
        ("toy", "other", "cpu"),
        ("toy", "toy-stream", "H200"),
        ("toy", "toy-stream", "cpu"),
        ("toy (lr=0.3)", "toy-stream", "cpu"),
    ]
    assert costs_of(reversed(records)) == costs_of(records)


def test_unfinished_runs_are_not_measured():
    failed = record().evolve(status="failed", metrics=None, failure=FAILURE)
    assert costs_of([failed]) == ()


def test_what_was_not_measured_is_a_dash():
    (cost,) = costs_of([make_record()])
    assert cost.learn_seconds == 1.0
    empty = (cost.trainable_parameters, cost.stored_parameters, cost.growth_per_task, cost.peak_memory_bytes)
    assert empty == (None, None, None, None)
    (grid,) = card_grids(Card(spec(), "acme 1", costs=(cost,)))
    assert [cell.text for cell in grid.rows[0]] == ["toy", "1", "–", "–", "–", "–", "1.0 s", "–", "0"]


def test_card_for_people_and_for_programs():
    card = Card(spec(citation="Nobody 2026"), "acme 1", costs=costs_of([record()]), notes=("left out: x",))
    page = render_card(card, "md")
    assert "| cite             | Nobody 2026" in page
    assert "**Measured: toy-stream, order default, toy-clip, cpu, 1 thread**" in page
    assert "| toy   |       1 |          20 |      140 |              40 |      1.00 GiB |" in page
    assert page.endswith("- left out: x")
    document = json.loads(render_card(card, "json"))
    assert document["declared"] == declared(card.spec)
    assert document["measured"][0]["growth_per_task"] == 40.0
    assert (document["package"], document["claims"], document["notes"]) == ("acme 1", [], ["left out: x"])

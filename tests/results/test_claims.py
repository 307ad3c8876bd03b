"""Published figures: read, checked, held to their sources, and told from records of something else."""

import csv
import itertools
import json
from pathlib import Path

import pytest
from clbench.config.presets import Preset
from clbench.errors import PluginError
from clbench.plugins import get_registry
from clbench.results.claims import Claim, OtherClaim, differences_from, load_claims, read_claims
from clbench.results.records import AssumptionsRecord, StreamRecord
from clbench.specs import MethodSpec
from clbench.testing.records import make_record

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "leaderboards" / "published" / "averages.csv"
SOURCES = ROOT.parent / "shared" / "published" / "averages.csv"
FIELD = SOURCES.with_name("field_2026.csv")
METHODS = {name: found.spec for name, found in get_registry().methods.items()}
REFERENCES = sorted({spec.claims for spec in METHODS.values() if spec.claims})

COMMON = """
[common]
method = "toy"
row = "Toy"
setting = "toy tasks"
stream = "toy-stream"
protocol = "toy protocol"
order = "default"
shots = "full"
label_space = "task"
backbone = "toy-clip"
table = "Table 1"
source = "a paper"
kind = "own"
"""


# A package of a name that was imported before would be that one.
NUMBERS = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write claims into a package of their own and return the reference."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        name = f"claims_of_test_{next(NUMBERS)}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "claims.toml").write_text(text)
        return f"{name}:claims.toml"

    return write


def method(name, claims):
    return MethodSpec(name=name, title=name, summary="s", factory="a:b", settings="a:b", claims=claims)


def claim(**changes):
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
        "last": 80.0,
    }
    return Claim(**(values | changes))


def preset(**changes):
    values = {
        "name": "Toy",
        "method": "toy",
        "stream": "toy-stream",
        "orders": ["default"],
        "protocol": "toy protocol",
        "shots": "full",
        "origin": "rerun",
        "source": "a file",
    }
    return Preset(**(values | changes))


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def row_of(claim, table):
    """The one row that a claim was taken from."""
    shots = {"full": "full", "any": "-"}.get(claim.shots, str(claim.shots))
    wanted = (claim.setting, claim.order, shots, claim.row)
    found = [r for r in table if (r["setting"], r["order"], r["shots"], r["method"]) == wanted]
    assert len(found) == 1, f"{wanted} is in {len(found)} rows"
    return found[0]


def figures(row):
    return {name: float(row[name]) for name in ("transfer", "average", "last") if row[name]}


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_figure_is_the_published_one(reference):
    table = rows(PUBLISHED)
    for each in read_claims(reference):
        if isinstance(each, Claim):
            row = row_of(each, table)
            assert each.figures == figures(row), each
            assert (each.table, each.source, each.kind) == (row["table"], row["source"], row["source_kind"])
            assert each.note == row["note"]


@pytest.mark.skipif(not SOURCES.exists(), reason="the collection that leaderboards/published was made from")
@pytest.mark.parametrize("reference", REFERENCES)
def test_every_figure_is_that_of_the_collection(reference):
    table, later = rows(SOURCES), {(r["method"], r["setting"]): r for r in rows(FIELD)}
    for each in read_claims(reference):
        if not isinstance(each, Claim):
            continue
        if each.row not in {row["method"] for row in table}:  # collected later, in a list of its own
            setting = {"mtil": f"MTIL order {each.order}", "x-tail": "X-TAIL 16-shot"}[each.stream]
            assert each.figures == figures(later[each.row, setting])
            continue
        row = row_of(each, table)
        assert each.figures == figures(row), each
        assert (each.table, each.kind) == (row["table"], row["source_kind"])


@pytest.mark.parametrize("reference", REFERENCES)
def test_claims_are_of_methods_that_refer_to_them_and_are_stated_once(reference):
    claims = read_claims(reference)
    assert {c.method for c in claims} == {n for n, spec in METHODS.items() if spec.claims == reference}
    stated = [c.model_dump_json() for c in claims]
    assert len(set(stated)) == len(stated)


def test_every_claims_file_of_the_repository_is_referred_to():
    # Not the registry's working plugins: a file is not to be passed over because its plugin is broken.
    installed = {report.distribution for report in get_registry().reports}
    files = [f for f in ROOT.glob("plugins/*/src/*/claims.toml") if f.parents[2].name in installed]
    assert files
    assert {f"{f.parent.name}:claims.toml" for f in files} == set(REFERENCES)


def test_common_values_are_filled_in_and_overridden(package):
    more = '[[claims]]\nlast = 70.5\n[[claims]]\norder = "II"\nshots = 5\ntransfer = 60\naverage = 65\n'
    first, second = read_claims(package(COMMON + more))
    assert first == claim(last=70.5)
    assert second == claim(order="II", shots=5, transfer=60.0, average=65.0, last=None)
    assert second.figures == {"transfer": 60.0, "average": 65.0}


def test_figures_of_other_tasks_need_a_reason(package):
    other = """
[[others]]
method = "toy"
row = "Toy"
quantity = "ImageNet zero-shot"
value = 34.9
unit = "%"
table = "Table 2"
source = "a paper"
kind = "own"
"""
    with pytest.raises(PluginError, match=r"others\[1\]\.incomparable: Field required"):
        read_claims(package(other))
    reason = 'incomparable = "no stream of tasks"\n'
    (found,) = read_claims(package(other + reason))
    assert isinstance(found, OtherClaim)
    assert (found.value, found.incomparable) == (34.9, "no stream of tasks")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[claims]\n", "TOMLDecodeError"),
        (COMMON + "[[claims]]\n", "it has none of transfer, average, last"),
        (COMMON + "[[claims]]\nlast = 101.0\n", r"claims\[1\]\.last: .*less than or equal to 100"),
        (COMMON + "[[claims]]\nlast = nan\n", r"claims\[1\]\.last: .*finite"),
        (COMMON + "[[claims]]\nlast = 1\n[[claims]]\nlats = 1\nlast = 1\n", r"claims\[2\]\.lats: Extra"),
        (COMMON + '[[claims]]\nlast = 1\nkind = "heard"\n', r"claims\[1\]\.kind"),
        (COMMON + "[[claims]]\nlast = 1\nshots = 0\n", r"claims\[1\]\.shots"),
        ("common = 3\n", "common is not a table"),
        ("claims = 3\n", "claims: "),
        ("claims = [3]\n", r"claims\[1\]: "),
        ("[[claim]]\nlast = 1\n", "claim: Extra"),
    ],
)
def test_mistakes_are_named_with_their_place(package, text, message):
    reference = package(text)
    with pytest.raises(PluginError, match=message) as caught:
        read_claims(reference)
    assert f"the claims {reference} cannot be used" in str(caught.value)


@pytest.mark.parametrize("reference", ["clbench:nowhere.toml", "no_such_package_of_clbench:claims.toml"])
def test_a_missing_file_is_an_error_of_the_plugin(reference):
    with pytest.raises(PluginError, match="cannot be used"):
        read_claims(reference)


def test_a_broken_file_stops_no_other(package):
    good = package(COMMON + "[[claims]]\nlast = 70.0\n")
    bad = package("nonsense")
    loaded = load_claims([method("odd", bad), method("toy", good), method("silent", None)])
    assert loaded.claims == {"toy": (claim(last=70.0),)}
    (problem,) = loaded.problems
    assert str(problem).startswith(f"odd: the claims {bad} cannot be used")


def test_a_method_is_given_its_own_claims_alone(package):
    reference = package(COMMON + '[[claims]]\nlast = 70.0\n[[claims]]\nmethod = "b"\nlast = 60.0\n')
    loaded = load_claims([method("toy", reference), method("b", reference)])
    assert [c.last for c in loaded.claims["toy"]] == [70.0]
    assert [c.last for c in loaded.claims["b"]] == [60.0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"stream": "mtil"}, "stream is toy-stream, not mtil"),
        ({"protocol": "coop"}, "protocol is toy protocol, not coop"),
        ({"backbone": "ViT-B-16.openai"}, "backbone is toy-clip, not ViT-B-16.openai"),
        ({"order": "II"}, "order is default, not II"),
        ({"shots": 5}, "shots is full, not 5"),
        ({"label_space": "union"}, "label space is task, not union"),
        ({"run": preset(settings={"lr": 0.2})}, "lr is 0.1, not 0.2"),
        ({"run": preset(settings={"form": "dual"})}, "form is None, not dual"),
    ],
)
def test_each_difference_is_found(changes, text):
    (difference,) = differences_from(claim(**changes), make_record())
    assert str(difference) == text


def test_test_batches_count_where_answers_depend_on_them():
    voted = claim(run=preset(eval_batch=128))
    record = make_record()
    assert differences_from(voted, record) == ()
    method = record.method.model_copy(update={"assumptions": AssumptionsRecord(task_identity="inferred")})
    votes = record.evolve(method=method)
    assert [str(d) for d in differences_from(voted, votes)] == ["images per test batch is 256, not 128"]
    exact = votes.evolve(config={**record.config, "eval_batch": 128})
    assert differences_from(voted, exact) == ()
    mixed = votes.evolve(config={**record.config, "eval_batch": 128, "batches": "mixed"})
    assert [d.name for d in differences_from(voted, mixed)] == ["composition of test batches"]


FACTS = {
    "splits": "zscl",
    "names": "authors",
    "learning_prompts": "first-template",
    "test_prompts": "all-templates",
    "draw": "all",
}


def made_with(**facts):
    record = make_record()
    return record.evolve(stream=record.stream.model_copy(update={"facts": facts}))


def test_all_facts_of_the_protocol_count_and_the_prompts_are_named():
    row = claim(run=preset(facts=FACTS))
    assert differences_from(row, made_with(**FACTS)) == ()
    others = made_with(**(FACTS | {"test_prompts": "first-template"}))
    assert [str(d) for d in differences_from(row, others)] == [
        "prompts at test are first-template, not all-templates"
    ]
    for name in FACTS:
        (difference,) = differences_from(row, made_with(**(FACTS | {name: "another"})))
        assert difference.fact
        assert (difference.found, difference.wanted) == ("another", FACTS[name])


def test_a_stream_with_the_facts_of_the_row_is_that_stream():
    row = claim(stream="toy", run=preset(facts=FACTS | {"draw": "theirs"}))
    record = made_with(**(FACTS | {"draw": "theirs"}))
    varied = record.evolve(stream=record.stream.model_copy(update={"name": "toy+draw=theirs"}))
    assert differences_from(row, varied) == ()
    other = record.stream.model_copy(update={"name": "toy+draw=ours", "facts": FACTS | {"draw": "ours"}})
    assert [str(d) for d in differences_from(row, record.evolve(stream=other))] == [
        "draw of shots is ours, not theirs"
    ]


def test_a_row_that_nothing_was_trained_for_is_not_held_to_how_one_trains():
    row = claim(shots="any", run=preset(facts=FACTS))
    others = FACTS | {"learning_prompts": "rail", "draw": "seeded"}
    assert differences_from(row, made_with(**others)) == ()
    assert len(differences_from(row, made_with(**(others | {"names": "coop"})))) == 1


def test_what_a_source_does_not_state_cannot_agree():
    row = claim(run=preset(facts=FACTS | {"draw": "not stated"}))
    (difference,) = differences_from(row, made_with(**(FACTS | {"draw": "seeded"})))
    assert str(difference) == "draw of shots is seeded, and the source does not state its own"


def test_a_record_without_facts_is_not_known_to_agree():
    (difference,) = differences_from(claim(run=preset(facts=FACTS)), make_record())
    assert str(difference) == "what the prompts and the other facts of its protocol were is not recorded"


def test_a_stream_that_a_variable_changed_is_another():
    record = make_record()
    changed = record.evolve(config={**record.config, "stream_variables": {"DATA_COUNTS": "any"}})
    (difference,) = differences_from(claim(), changed)
    assert str(difference) == "the stream is changed by DATA_COUNTS=any"


def test_another_generator_is_a_difference():
    row = claim(run=preset(generator="sd15"))
    record = make_record().evolve(generator="mini-diffusion")
    assert [str(d) for d in differences_from(row, record)] == ["generator is mini-diffusion, not sd15"]


PRESET = """
[[presets]]
name = "MTIL"
method = "toy"
stream = "toy-stream"
orders = ["default", "II"]
protocol = "toy protocol"
shots = "full"
origin = "authors"
source = "train.sh"
commit = "github:a/toy abcdef0"
"""
CLAIM = '[[claims]]\npreset = "MTIL"\nlast = 80.0\n'


def test_a_claim_has_its_preset(package):
    (found,) = read_claims(package(COMMON + CLAIM + PRESET + "settings = { lr = 0.3 }"))
    assert (found.run.name, found.settings) == ("MTIL", {"lr": 0.3})
    assert "settings" not in found.model_dump()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CLAIM, "names the preset 'MTIL'; there are none"),
        (CLAIM + PRESET.replace('"default", "II"', '"II"'), "its order is None, the preset's default"),
        (CLAIM + PRESET.replace("full", "5").replace('"5"', "5"), "its shots is full, the preset's 5"),
        (CLAIM + PRESET.replace("toy protocol", "coop"), "its protocol is toy protocol, the preset's coop"),
        (CLAIM + PRESET.replace("toy-stream", "mtil"), "its stream is toy-stream, the preset's mtil"),
        (CLAIM + PRESET + PRESET, "several presets are called MTIL"),
        (CLAIM + PRESET.replace("commit =", "note ="), "authors' values name repository and commit"),
        (CLAIM + PRESET.replace('"authors"', '"assumed"'), "what is assumed says why"),
        (CLAIM + PRESET.replace("abcdef0", "main"), "presets[1].commit: String should match pattern"),
        (CLAIM + PRESET + 'facts = { splits = "zscl" }', "facts are splits, names, learning_prompts"),
        (CLAIM + PRESET + "lr = 0.3", "presets[1].lr: Extra inputs are not permitted"),
        (CLAIM + "settings = { lr = 0.3 }", "claims[1].settings: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_presets_is_said(package, text, why):
    with pytest.raises(PluginError) as caught:
        read_claims(package(COMMON + text))
    assert why in str(caught.value)


def test_equal_circumstances_are_comparable():
    assert differences_from(claim(), make_record()) == ()
    assert differences_from(claim(shots="any"), make_record()) == ()
    assert differences_from(claim(run=preset(settings={"lr": 0.1})), make_record()) == ()


def test_shots_of_a_record_are_compared():
    record = make_record()
    stream = StreamRecord.model_validate(record.stream.model_dump() | {"shots": 5})
    few = record.evolve(stream=stream)
    assert differences_from(claim(shots=5), few) == ()
    assert [str(d) for d in differences_from(claim(), few)] == ["shots is 5, not full"]
    assert json.loads(few.model_dump_json())["stream"]["shots"] == 5


def test_settings_changed_by_hand_make_another_method():
    changed = make_record(settings={"lr": 0.3}, sources={"lr": "user"})
    assert [str(d) for d in differences_from(claim(), changed)] == ["lr is 0.3, not the published value"]
    assert [str(d) for d in differences_from(claim(), changed, {"lr": 0.1})] == ["lr is 0.3, not 0.1"]
    # Typed by hand, but what the method has anyway.
    assert differences_from(claim(), changed, {"lr": 0.3}) == ()
    # The values that the plugin has for the stream are the authors'.
    assert differences_from(claim(), make_record(settings={"lr": 0.3}, sources={"lr": "tuned"})) == ()


def test_settings_that_came_later_are_no_difference():
    assert differences_from(claim(), make_record(), {"lr": 0.1, "new": True}) == ()

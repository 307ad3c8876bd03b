"""Streams from a YAML file and folders of images."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from clbench.errors import ConfigError, DataError
from clbench.plugins import Registry
from clbench.streams.checking import oddities, unreadable
from clbench.streams.descriptionfile import read_description
from clbench.streams.files.contents import content_digests
from clbench.streams.folders import find_dataset, find_stream, read_stream
from clbench.testing import tiny_plugin
from clbench.testing.doubles import tiny_backbone

REGISTRY = Registry.of(tiny_plugin)
ROOT = Path(__file__).parents[2]


def draw(path, seed, size=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)


@pytest.fixture
def home(tmp_path, clbench_cache):
    """Two tasks of two classes, three training and two test images each, no two alike."""
    seed = 0
    for task, classes in {"birds": ("barn_owl", "wren"), "tools": ("hammer", "saw")}.items():
        for split, count in {"train": 3, "test": 2}.items():
            for name in classes:
                for number in range(count):
                    seed += 1
                    draw(tmp_path / task / split / name / f"{number}.png", seed)
    write(tmp_path)
    return tmp_path


def content(**changes):
    tasks = [{"key": key, "train": f"{key}/train", "test": f"{key}/test"} for key in ("birds", "tools")]
    return {
        "name": "mine",
        "backbone": "tiny",
        "templates": ["a {}.", "the {}."],
        "tasks": tasks,
        **changes,
    }


def write(home, **changes):
    (home / "mine.yaml").write_text(json.dumps(content(**changes)))  # JSON is YAML
    return home / "mine.yaml"


def mistakes(home, **changes):
    with pytest.raises(ConfigError) as caught:
        read_description(write(home, **changes))
    return [str(problem) for problem in caught.value.problems]


def findings(home, **changes):
    return list(oddities(read_description(write(home, **changes))))


# -- what is read --------------------------------------------------------------------------------------


def test_folders_become_tasks(home):
    stream = read_stream(str(home / "mine.yaml"))
    assert (stream.name, stream.keys, stream.protocol) == ("mine", ("birds", "tools"), "folders")
    birds = stream.tasks[0]
    assert birds.classes == ("barn owl", "wren")
    assert birds.templates == ("a {}.", "the {}.")
    assert birds.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert birds.test.labels.tolist() == [0, 0, 1, 1]
    for split in ("train", "test"):
        files = sorted((home / "birds" / split).rglob("*.png"))
        for index, file in enumerate(files):
            given = np.asarray(getattr(birds, split).image(index))
            assert (given == np.asarray(PIL.Image.open(file))).all()


def test_training_and_test_images_of_equal_names_keep_their_own_pixels(home):
    preprocessing = tiny_backbone().preprocessing
    for seed, folder in enumerate(("train", "test")):
        shutil.rmtree(home / "birds" / folder)
        draw(home / "birds" / folder / "wren" / "0.png", seed)
    birds = read_stream(str(home / "mine.yaml")).tasks[0]
    assert not (birds.train.pixels(preprocessing) == birds.test.pixels(preprocessing)).all()


def test_spec_counts_and_defaults(home):
    found = find_stream(REGISTRY, str(home / "mine.yaml"))
    spec = found.spec
    assert [(t.key, t.title, t.classes, t.train, t.test) for t in spec.tasks] == [
        ("birds", "birds", 2, 6, 4),
        ("tools", "tools", 2, 6, 4),
    ]
    assert spec.orders == {"I": ("birds", "tools")}
    assert (spec.default_order, spec.default_backbone) == ("I", "tiny")
    assert (found.distribution, found.version) == ("mine.yaml", spec.digest[:12])
    assert spec.build().keys == ("birds", "tools")


def test_options_of_a_task(home):
    tasks = content()["tasks"]
    tasks[0] |= {"title": "Birds", "classes": {"wren": "small bird"}, "templates": "a {}, a bird"}
    tasks[1] |= {"val": "tools/test"}
    stream = read_stream(str(write(home, tasks=tasks, orders={"B": ["tools", "birds"]})))
    birds, tools = stream.tasks
    assert (birds.title, birds.classes, birds.templates) == (
        "Birds",
        ("barn owl", "small bird"),
        ("a {}, a bird",),
    )
    assert tools.templates == ("a {}.", "the {}.")
    assert birds.validation is None
    assert tools.validation is not None
    assert len(tools.validation) == 4
    assert find_stream(REGISTRY, str(home / "mine.yaml")).spec.default_order == "B"


def test_yaml_1_2_class_names(home):
    (home / "birds/train/wren").rename(home / "birds/train/no")
    (home / "birds/test/wren").rename(home / "birds/test/no")
    text = (home / "mine.yaml").read_text().replace('"birds/test"', '"birds/test", "classes": {no: Norway}')
    (home / "mine.yaml").write_text(text)
    assert read_stream(str(home / "mine.yaml")).tasks[0].classes == ("barn owl", "Norway")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_reference_and_class_pool(home, suffix):
    draw(home / "pictures/a.png", 501)
    draw(home / "pictures/deep/b.png", 502)
    rows = [{"file_name": "deep/b.png", "text": "a cat, and a dog"}, {"file_name": "a.png", "text": "ärger"}]
    table = home / f"captions.{suffix}"
    with table.open("w", newline="", encoding="utf-8") as file:
        if suffix == "jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, ("file_name", "text"), delimiter="," if suffix == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    (home / "names.txt").write_text("teapot\n\n lighthouse \n")
    reference = {"images": "pictures", "captions": table.name}
    spec = find_stream(REGISTRY, str(write(home, reference=reference, class_pool="names.txt"))).spec
    found = find_dataset(REGISTRY, spec.reference)
    assert found.spec.kind == "reference"
    dataset = found.spec.build()
    assert list(dataset["text"]) == ["a cat, and a dog", "ärger"]
    assert [image.size for image in dataset["image"]] == [(16, 16)] * 2
    assert find_dataset(REGISTRY, spec.class_pool).spec.build() == ("teapot", "lighthouse")


def test_installed_data_sets_are_named(home):
    path = write(home, reference="tiny-reference", class_pool="tiny-pool", generator="tiny-noise")
    spec = find_stream(REGISTRY, str(path)).spec
    assert find_dataset(REGISTRY, spec.reference) is REGISTRY.datasets["tiny-reference"]
    assert find_dataset(REGISTRY, spec.class_pool) is REGISTRY.datasets["tiny-pool"]
    assert spec.generator == "tiny-noise"


# -- what identifies it ----------------------------------------------------------------------------------


def test_the_place_does_not_count(home, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(home, other)
    assert read_description(home / "mine.yaml").digest == read_description(other / "mine.yaml").digest
    assert read_stream(str(home / "mine.yaml")).digests == read_stream(str(other / "mine.yaml")).digests


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda home: draw(home / "birds/train/wren/0.png", 999), {"train_split"}),
        (lambda home: draw(home / "birds/test/wren/0.png", 999), {"test_split"}),
        (lambda home: (home / "birds/test/wren/0.png").unlink(), {"test_split"}),
        (lambda home: write(home, templates=["a {}.", "one {}."]), {"templates"}),
        (lambda home: write(home, name="other"), {"stream"}),
        (
            lambda home: write(
                home, tasks=[content()["tasks"][0] | {"classes": {"wren": "wrens"}}, content()["tasks"][1]]
            ),
            {"class_names"},
        ),
    ],
)
def test_what_is_changed_shows(home, change, fields):
    before, digest = read_stream(str(home / "mine.yaml")).digests, read_description(home / "mine.yaml").digest
    change(home)
    after = read_stream(str(home / "mine.yaml")).digests
    assert {name for name in after if after[name] != before[name]} == fields
    assert read_description(home / "mine.yaml").digest != digest


def test_a_folder_is_identified_like_the_same_images_embedded(home):
    import datasets
    from clbench.streams import ImageSet

    train = read_stream(str(home / "mine.yaml")).tasks[0].train
    rows = [
        {"image": {"bytes": file.read_bytes(), "path": None}, "label": label}
        for file, label in zip(sorted((home / "birds/train").rglob("*.png")), train.labels, strict=True)
    ]
    features = datasets.Features(image=datasets.Image(), label=datasets.Value("int64"))
    assert ImageSet(datasets.Dataset.from_list(rows, features=features)).digest == train.digest


def test_selected_images_keep_their_content(home):
    train = read_stream(str(home / "mine.yaml")).tasks[0].train
    part = train.select([4, 1])
    assert part.labels.tolist() == [1, 0]
    assert (np.asarray(part.image(0)) == np.asarray(train.image(4))).all()
    assert part.digest not in (train.digest, train.select([1, 4]).digest)


def test_contents_are_remembered_and_never_stale(home, monkeypatch):
    root = home / "birds/train"
    files = sorted(root.rglob("*.png"))
    monkeypatch.setattr("clbench.streams.files.contents._TICK", -(10**18))  # files may be as new as they are
    monkeypatch.setattr("clbench.streams.files.contents._COARSE_TICK", -(10**18))
    first = content_digests(root, files)
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", lambda *_: pytest.fail("a file was read again"))
        assert content_digests(root, files) == first
    draw(files[0], 12345)
    second = content_digests(root, files)
    assert second[0] != first[0]
    assert second[1:] == first[1:]
    (index,) = (home / "clbench-cache/contents").glob("*.json")
    index.write_text("[torn")
    assert content_digests(root, files) == second


# -- mistakes --------------------------------------------------------------------------------------------


def test_all_mistakes_at_once_with_near_names(home):
    tasks = [
        {"key": "birds", "train": "birds/trian", "test": "birds/test", "tamplates": "a {}"},
        {"key": "tools", "train": "tools/train", "test": "tools/tset", "classes": {"hamer": "hammer"}},
        {"key": "birds", "train": "birds/train"},
    ]
    found = mistakes(home, tasks=tasks, tiltle="x", templates=["a photo"], orders={"II": ["tool", "tools"]})
    for part in (
        "tiltle is no key; did you mean title?",
        "'a photo' has no place for the class name",
        "task 'birds': tamplates is no key; did you mean templates",
        "tset: No such file or directory; did you mean",
        "unknown class folder 'hamer': did you mean 'hammer'?",
        "task 'birds': test is missing",
        "two tasks have the key 'birds'",
    ):
        assert any(part in line for line in found), (part, found)


def test_orders_name_each_task_once(home):
    found = mistakes(home, orders={"II": ["tool", "tools", "tools"]})
    assert any("unknown task 'tool': did you mean 'tools'" in line for line in found)
    assert "order II lacks birds" in found
    assert "order II names 'tools' twice" in found
    assert any("random-SEED" in line for line in mistakes(home, orders={"random-1": ["birds", "tools"]}))


def test_values_of_another_kind(home):
    tasks = [content()["tasks"][0], "tools"]
    found = mistakes(home, name="my birds", orders={"II": 3}, reference=5, templates=[], tasks=tasks)
    for line in (
        "name: 'my birds' is no name: letters and digits with - _ + between them, no spaces",
        "orders.II: 3 is no list",
        "reference: 5 is no mapping of keys to values",
        "task 2: 'tools' is no mapping of keys to values",
        "templates: at least 1 are due",
    ):
        assert line in found, (line, found)


def test_folders_that_cannot_be(home):
    draw(home / "loose/0.png", 1)
    (home / "bare/wren").mkdir(parents=True)
    draw(home / "odd/wrenn/0.png", 2)
    tasks = content()["tasks"]
    for folder, text in {
        "loose": "has no class folders",
        "bare": "has class folders, but no images",
        "odd": "unknown class folder 'wrenn', which train does not have: did you mean 'wren'?",
    }.items():
        (line,) = mistakes(home, tasks=[{**tasks[0], "test": folder}, tasks[1]])
        assert text in line


def test_files_that_are_none(home):
    (home / "bad.yaml").write_text("name: [open")
    with pytest.raises(ConfigError, match="not YAML"):
        read_description(home / "bad.yaml")
    (home / "bad.yaml").write_text("- a list")
    with pytest.raises(ConfigError, match="holds list, not a mapping"):
        read_description(home / "bad.yaml")
    with pytest.raises(ConfigError, match="No such file"):
        read_description(home / "none.yaml")


def test_no_templates_anywhere(home):
    found = mistakes(home, templates=None)
    assert found == [
        f"task {key!r}: it has no templates, and the stream has none for all tasks"
        for key in ("birds", "tools")
    ]


def test_captions_of_images_that_are_not_there(home):
    (home / "c.csv").write_text("file_name,text\nx.png,a cat\n")
    (line,) = mistakes(home, reference={"images": "pictures", "captions": "c.csv"})
    assert "names images that are not there" in line
    (home / "c.csv").write_text("file,caption\nx.png,a cat\n")
    (line,) = mistakes(home, reference={"images": "pictures", "captions": "c.csv"})
    assert "c.csv has no file_name and no text in line 2" in line
    (line,) = mistakes(home, reference={"images": "pictures", "caption": "c.csv"})[1:]
    assert line == "reference.caption is no key; did you mean captions? the keys are images, captions"
    (line,) = mistakes(home, class_pool="none.txt")
    assert "none.txt cannot be read" in line


def test_the_name_of_an_installed_stream_is_taken(home):
    with pytest.raises(ConfigError, match="another one"):
        find_stream(REGISTRY, str(write(home, name="tiny")))


def test_a_file_that_vanished_is_named(home):
    with pytest.raises(DataError, match=r"gone\.png"):
        content_digests(home, [home / "gone.png"])


# -- what is odd -----------------------------------------------------------------------------------------


def test_what_is_odd_is_said(home):
    (home / "birds/train/wren/notes.txt").write_text("x")
    (home / "birds/train/crow").mkdir()
    shutil.rmtree(home / "tools/test/saw")
    shutil.copy(home / "birds/train/wren/1.png", home / "birds/test/wren/copy.png")
    shutil.copy(home / "birds/train/wren/2.png", home / "tools/test/hammer/copy.png")
    tasks = content()["tasks"]
    tasks[1]["classes"] = {"saw": "hammer"}
    found = "\n".join(findings(home, tasks=tasks))
    assert f"birds, train: not read: {home}/birds/train/wren/notes.txt" in found
    assert "birds, train: class folders without images: crow" in found
    assert "birds: classes in train, but not in test: crow" in found
    assert "tools: classes in train, but not in test: saw" in found
    assert "tools: classes that the model sees alike, so that only one of them can be answered: " in found
    assert "'hammer' = 'hammer'" in found
    assert "birds, test: 1 image is in birds, train as well" in found
    assert "tools, test: 1 image is in birds, train as well" in found
    assert "birds: 6 training images" in found


def test_a_sound_stream_is_only_small(home):
    assert [line.split(";")[0] for line in findings(home)] == [
        "birds: 6 training images",
        "tools: 6 training images",
    ]


def test_unreadable_images_are_named_with_the_reason(home):
    whole = (home / "birds/train/wren/0.png").read_bytes()
    (home / "birds/train/wren/0.png").write_bytes(whole[: len(whole) // 2])
    (home / "tools/test/saw/1.png").write_text("<html>")
    steps = []
    found = list(unreadable(read_description(home / "mine.yaml"), lambda *step: steps.append(step)))
    assert [path.relative_to(home).as_posix() for path, _ in found] == [
        "birds/train/wren/0.png",
        "tools/test/saw/1.png",
    ]
    assert all(reason for _, reason in found)
    assert steps[-1] == (20, 20)


def test_the_example_of_the_docs_is_right(tmp_path, clbench_cache):
    shutil.copy(ROOT / "examples/own-stream.yaml", tmp_path)
    for seed, name in enumerate(
        ("birds/train/owl", "birds/test/owl", *(f"tools/{s}/claw hammer" for s in ("train", "test", "val")))
    ):
        draw(tmp_path / "data" / name / "1.jpg", seed)
    draw(tmp_path / "data/reference/a.png", 77)
    (tmp_path / "data/reference.csv").write_text("file_name,text\na.png,a cat\n")
    (tmp_path / "data/names.txt").write_text("teapot\n")
    (tmp_path / "data/tools/groups.csv").write_text("file_name,group\nclaw hammer/1.jpg,blue\n")
    description = read_description(tmp_path / "own-stream.yaml")
    assert description.tasks[1].groups == ("blue",)
    assert description.tasks[1].classes == ("hammer",)
    assert list(description.orders) == ["I", "II"]


def test_classes_that_tasks_share(home):
    """One name in two tasks: two classes, which the check says, or one where the file says so."""
    shutil.copytree(home / "birds/train/wren", home / "tools/train/wren")
    shutil.copytree(home / "birds/test/wren", home / "tools/test/wren")
    apart = read_stream(str(write(home)))
    assert len(apart.union) == 5
    assert "class names of several tasks: wren" in "\n".join(oddities(read_description(home / "mine.yaml")))
    before = read_description(home / "mine.yaml").digest
    path = write(home, shared_classes=True, label_space="seen")
    together = read_stream(str(path))
    assert len(together.union) == 4
    assert set(together.shared) == {"wren"}
    assert "several tasks" not in "\n".join(oddities(read_description(path)))
    assert read_description(path).digest != before
    spec = find_stream(REGISTRY, str(path)).spec
    assert (spec.label_space, spec.classes, spec.total("classes")) == ("seen", 4, 4)


def test_an_unknown_label_space_is_a_mistake(home):
    assert any("label_space" in line for line in mistakes(home, label_space="all"))


def test_captions_may_name_what_no_file_system_can_hold(tmp_path):
    from clbench.streams.sidefiles import read_captions

    table = tmp_path / "captions.csv"
    table.write_text(f"file_name,text\n{'x' * 5000}.png,a\n")
    with pytest.raises(DataError, match="not there"):
        read_captions(table, tmp_path)

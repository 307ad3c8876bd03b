"""Files as users have them: pixels of any kind, names of any form, texts of any encoding."""

import json
import os
import unicodedata

import numpy as np
import open_clip
import PIL.Image
import pytest
from clbench.errors import DataError
from clbench.streams import ImageSet, Preprocessing
from clbench.streams.checking import oddities, unreadable
from clbench.streams.descriptionfile import read_description
from clbench.streams.files.contents import content_digests
from clbench.streams.files.names import find, is_system
from clbench.streams.files.texts import read_lines, read_rows, read_text
from clbench.streams.imagefolders import image_set, scan
from clbench.streams.prompts import alike, as_read
from clbench.streams.sidefiles import read_captions

VIEW = Preprocessing(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)


def stripes(height=75, width=100):
    y, x = np.mgrid[:height, :width]
    return np.stack([(x // 3 % 2) * 255, (y // 3 % 2) * 255, (x + y) % 256], 2).astype(np.uint8)


def one(folder, image, **options):
    path = folder / "d/c/a.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    found = scan(folder / "d")
    return image_set(found.files, found.digests, [0], name="x")


KINDS = {
    "palette": lambda rgb: rgb.convert("P", palette=PIL.Image.Palette.ADAPTIVE),
    "bilevel": lambda rgb: rgb.convert("1"),
    "RGBA": lambda rgb: PIL.Image.fromarray(np.dstack([np.asarray(rgb), np.asarray(rgb)[..., 0]])),
    "grey with alpha": lambda rgb: PIL.Image.merge("LA", rgb.split()[:2]),
    "grey": lambda rgb: rgb.convert("L"),
    "RGB": lambda rgb: rgb,
}


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_rgb_before_they_are_resized(tmp_path, kind):
    import torch

    images = one(tmp_path, KINDS[kind](PIL.Image.fromarray(stripes())))
    converted = PIL.Image.open(tmp_path / "d/c/a.png").convert("RGB")
    assert (images.pixels(VIEW, tmp_path / "cache")[0] == VIEW.to_pixels(converted)).all()
    crop = images.crops(np.array([0]), VIEW, torch.Generator().manual_seed(3))[0]
    assert (crop == VIEW.random_crop(converted, torch.Generator().manual_seed(3))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_only_images_that_are_converted_have_another_identity(tmp_path, kind):
    """Figures of RGB and grey images stay comparable; those of the others were of other pixels."""
    import datasets

    images = one(tmp_path, KINDS[kind](PIL.Image.fromarray(stripes())))
    content = (tmp_path / "d/c/a.png").read_bytes()
    table = datasets.Dataset.from_list(
        [{"image": {"bytes": content, "path": None}, "label": 0}],
        features=datasets.Features(image=datasets.Image(), label=datasets.Value("int64")),
    )
    stored = ImageSet(table, as_stored=True)
    assert ImageSet(table).digest == images.digest
    assert (stored.digest == images.digest) == (kind in ("RGB", "grey"))
    same = (stored.pixels(VIEW, tmp_path / "c1") == images.pixels(VIEW, tmp_path / "c2")).all()
    assert same or kind not in ("RGB", "grey")


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 64 * 64).round().reshape(64, 64)
    path = tmp_path / f"d/c/a.{suffix}"
    path.parent.mkdir(parents=True)
    if suffix == "pgm":
        path.write_bytes(b"P5 64 64 65535\n" + ramp.astype(">u2").tobytes())
    else:
        PIL.Image.fromarray(ramp.astype(np.uint16)).save(path)
    found = scan(tmp_path / "d")
    image = image_set(found.files, found.digests, [0], name="x").image(0)
    assert image.mode == "L"
    assert np.abs(np.asarray(image).astype(float) - ramp / 257).max() <= 0.5


def test_pixels_without_a_range_are_refused(tmp_path):
    path = tmp_path / "d/c/a.tif"
    path.parent.mkdir(parents=True)
    PIL.Image.fromarray(np.full((8, 8), 0.5, dtype=np.float32)).save(path)
    found = scan(tmp_path / "d")
    with pytest.raises(DataError, match="image 0 of x cannot be read") as caught:
        image_set(found.files, found.digests, [0], name="x").image(0)
    assert "floating-point numbers" in str(caught.value)
    assert "fetch" not in str(caught.value)


# -- identity --------------------------------------------------------------------------------------------


def test_a_file_of_the_same_size_and_time_is_another_one(tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.streams.files.contents._TICK", -(10**18))
    monkeypatch.setattr("clbench.streams.files.contents._COARSE_TICK", -(10**18))
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    stat = file.stat()
    (first,) = content_digests(tmp_path, [file], tmp_path / "cache")
    (tmp_path / "b.bin").write_bytes(b"two")
    os.utime(tmp_path / "b.bin", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (tmp_path / "b.bin").replace(file)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert content_digests(tmp_path, [file], tmp_path / "cache") != (first,)


def test_what_has_just_been_changed_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.streams.files.contents._TICK", 10**18)
    monkeypatch.setattr("clbench.streams.files.contents._COARSE_TICK", 10**18)
    (tmp_path / "a.bin").write_bytes(b"one")
    content_digests(tmp_path, [tmp_path / "a.bin"], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# -- names -----------------------------------------------------------------------------------------------


def stream(root, names, templates="a {}."):
    number = 0
    for task, classes in names.items():
        for split in ("train", "test"):
            for name in classes:
                number += 1
                folder = root / task / split / name
                folder.mkdir(parents=True)
                PIL.Image.new("RGB", (8, 8), (number, 9, 9)).save(folder / "0.png")
    tasks = [{"key": key, "train": f"{key}/train", "test": f"{key}/test"} for key in names]
    content = {"name": "mine", "backbone": "tiny", "templates": templates, "tasks": tasks}
    (root / "s.yaml").write_text(json.dumps(content), encoding="utf-8")
    return root / "s.yaml"


def test_names_of_either_form_are_the_same_stream(tmp_path, clbench_cache):
    found = []
    for form in ("NFC", "NFD"):
        names = {"a": [unicodedata.normalize(form, name) for name in ("café", "cafz")], "b": ["x", "y"]}
        (tmp_path / form).mkdir()
        found.append(read_description(stream(tmp_path / form, names)))
    assert found[0].digest == found[1].digest
    assert found[1].tasks[0].classes == ("cafz", "café")


def test_what_systems_leave_is_passed_over_and_said(tmp_path, clbench_cache):
    file = stream(tmp_path, {"a": ["p", "q"], "b": ["r", "s"]})
    for name in ("__MACOSX", "@eaDir"):
        (tmp_path / "a/train" / name).mkdir()
    for name in (".DS_Store", "Thumbs.db", "._0.png"):
        (tmp_path / "a/train/p" / name).write_bytes(b"x")
    description = read_description(file)
    assert description.tasks[0].classes == ("p", "q")
    (said,) = [line for line in oddities(description) if "passed over" in line]
    assert said.endswith("passed over: .DS_Store, ._*, @eaDir, Thumbs.db, __MACOSX")


@pytest.mark.parametrize("name", ["__MACOSX", "@eaDir", ".DS_Store", "Thumbs.db", "thumbs.DB", "._a.jpg"])
def test_names_of_systems(name):
    assert is_system(name)
    assert not is_system(f"x{name}")


def test_paths_of_another_form_or_system_are_found(tmp_path):
    (tmp_path / "cafe\u0301").mkdir()
    (tmp_path / "cafe\u0301/a.png").write_bytes(b"")
    assert find(tmp_path, "café/a.png").is_file()
    assert find(tmp_path, "café\\a.png").is_file()
    assert find(tmp_path, "none/a.png") == tmp_path / "none/a.png"


# -- texts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path, encoding, end):
    file = tmp_path / "names.txt"
    file.write_bytes(f"ärger{end}{end} two\u2028words {end}".encode(encoding))
    assert read_lines(file) == ("ärger", "two\u2028words")


def test_another_encoding_is_said_in_words(tmp_path):
    file = tmp_path / "names.txt"
    file.write_bytes("one\ncafé au lait\n".encode("cp1252"))
    with pytest.raises(DataError, match="is not UTF-8 text") as caught:
        read_text(file)
    assert "line 2 has the byte 0xE9; in Windows' encoding it would read 'café au lait'" in caught.value.why
    file.write_bytes("one".encode("utf-16-le"))
    with pytest.raises(DataError, match="is no text"):
        read_text(file)


def test_line_separators_inside_of_quotes(tmp_path):
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    texts = "a dog\u2028on the grass", "a\x85b\x1cc"
    rows = [{"file_name": "0.png", "text": text} for text in texts]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "c.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert tuple(text for _, text in read_captions(tmp_path / "c.jsonl", tmp_path)) == texts
    (tmp_path / "c.csv").write_text('file_name,text\r\n0.png,"two\r\nlines"\r\n', encoding="utf-8-sig")
    assert [row for _, row in read_rows(tmp_path / "c.csv")] == [
        {"file_name": "0.png", "text": "two\r\nlines"}
    ]


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "c.jsonl").write_text('{"file_name": "0.png", "text": "x"}\n\n{"file')
    with pytest.raises(DataError, match="line 3 of"):
        list(read_rows(tmp_path / "c.jsonl"))
    (tmp_path / "c.jsonl").write_text("[1]")
    with pytest.raises(DataError, match="is list, not an object"):
        list(read_rows(tmp_path / "c.jsonl"))


# -- prompts ---------------------------------------------------------------------------------------------

SPELLINGS = (
    *("water lily", "Water  Lily", "water-lily", "water - lily", "water_lily", "water__lily", "waterlily"),
    *("cafe\u0301", "café", "don't", "DON'T", "donut", "dog &amp; cat", "dog & cat", "12", "1 2", "Straße"),
    *("STRASSE", "ﬁsh", "fish", "", " ", "dog " * 80, "dog " * 81, "dog " * 80 + "cat"),
)


def test_words_are_equal_where_tokens_are():
    tokens = open_clip.get_tokenizer("ViT-B-32")(list(SPELLINGS)).tolist()
    words = [as_read(text) for text in SPELLINGS]
    for i in range(len(SPELLINGS)):
        for j in range(i):
            assert (words[i] == words[j]) == (tokens[i] == tokens[j]), (SPELLINGS[i], SPELLINGS[j])


def test_classes_that_the_model_sees_alike(tmp_path, clbench_cache):
    assert alike(["Apple", "pear", "apple", "pear tree"], ["a {}.", "the {}."]) == [("Apple", "apple")]
    assert alike(["a", "b"], ["x " * 80 + "{}"]) == [("a", "b")]
    file = stream(tmp_path, {"fruit": ["Apple", "apple"], "pets": ["APPLE", "dog"]})
    said = "\n".join(oddities(read_description(file)))
    assert "fruit: classes that the model sees alike, so that only one of them can be answered: " in said
    assert "class names of several tasks: apple = APPLE" in said


def test_what_does_not_reach_the_model_is_told(tmp_path, clbench_cache):
    file = stream(tmp_path, {"a": ["p", "q"], "b": ["r", "s"]})
    PIL.Image.fromarray(np.zeros((8, 8), dtype=np.uint16)).save(tmp_path / "a/train/p/0.png")
    PIL.Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / "a/train/q/0.png")
    PIL.Image.fromarray(np.zeros((8, 8), dtype=np.float32)).save(tmp_path / "a/test/p/1.tiff")
    odd = {}
    broken = list(unreadable(read_description(file), odd=odd))
    assert [path.name for path, _ in broken] == ["1.tiff"]
    assert sorted(what.split(",")[0] for what in odd) == ["16 bits per pixel", "transparent pixels"]

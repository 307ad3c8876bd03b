"""Make the tasks: choose classes by the captions, draw train and test images from different vendors.

Classes are chosen by what pre-training captions say and by which vendors draw a concept, never by an
accuracy.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Image as ImageFeature
from fonts import DIGIT_WORDS, GREEK_LETTERS, GREEK_TEST, GREEK_TRAIN, SUPER_FAMILIES, font_path
from glyphs import glyph
from PIL import Image
from places import Places
from rendering import rendered
from sources import EMOJI_TEST, EMOJI_TRAIN, FLAGS_TEST, FLAGS_TRAIN, RENDERINGS

SIZE = 32
DRAWN = 96  # icons are drawn larger, then placed and reduced


@dataclass(frozen=True)
class EmojiTask:
    """A task cut from one Unicode emoji category: how many classes, and which names belong."""

    key: str
    category: str
    classes: int
    belongs: Callable[[str], bool]


CLOCK = re.compile(r"(thirty|o clock)$")
EMOJI_TASKS = (
    EmojiTask("nature", "Animals & Nature", 60, lambda _: True),
    EmojiTask("food", "Food & Drink", 60, lambda _: True),
    EmojiTask("places", "Travel & Places", 60, lambda name: not CLOCK.search(name)),
    EmojiTask("objects", "Objects", 80, lambda _: True),
    EmojiTask("activities", "Activities", 40, lambda _: True),
    EmojiTask(
        "faces", "Smileys & Emotion", 40, lambda name: "face" in name.split() and "cat" not in name.split()
    ),
)
CLOTHES = [
    "t shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
]
FLAG_CLASSES = 60
#: Largest mean difference of colour (of 255, on a 5x5 grid of the middle) between two drawings of a flag.
#: Above it one of them may draw something else: the language Interlingue (ie) instead of Ireland, for one.
FLAG_TOLERANCE = 60.0
#: Pictures of one drawing: the first on white and upright, others on other grounds, scaled and turned.
TRAIN_VIEWS, TEST_VIEWS = 3, 2
FLAG_TRAIN_VIEWS, FLAG_TEST_VIEWS = 4, 3
MAX_TEST = 400
MAX_TRAIN = 900


@dataclass(frozen=True)
class Sample:
    """A picture: its class, the set it is from, and the design it shows, where several pictures show one."""

    image: Image.Image
    label: int
    source: str
    group: str | None = None


def background(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return a plain ground: white, light, or dark."""
    kind = rng.random()
    if kind < 0.4:
        return (255, 255, 255)
    low, high = (185, 256) if kind < 0.85 else (10, 80)
    red, green, blue = rng.integers(low, high, 3)
    return (int(red), int(green), int(blue))


def view(rgba: np.ndarray, first: bool, rng: np.random.Generator) -> Image.Image:
    """Return a 32x32 picture of a premultiplied drawing; black ink becomes white on a dark ground."""
    ground = (255, 255, 255) if first else background(rng)
    colour = rgba[..., :3].astype(np.float32) / 255
    alpha = rgba[..., 3:].astype(np.float32) / 255
    if colour.max() < 0.05:  # black ink only
        ink = np.array([1.0, 1.0, 1.0]) if sum(ground) < 300 else rng.random(3) * (0.0 if first else 0.5)
        colour = alpha * ink.astype(np.float32)
    scale = 1.0 if first else rng.uniform(0.78, 1.0)
    angle = 0.0 if first else rng.uniform(-12, 12)
    bands = []
    for band in np.moveaxis(np.concatenate([colour, alpha], 2), 2, 0):
        turned = Image.fromarray(band).rotate(angle, Image.Resampling.BICUBIC)
        side = max(1, round(SIZE * scale))
        small = turned.resize((side, side), Image.Resampling.BOX)
        canvas = Image.new("F", (SIZE, SIZE))
        canvas.paste(small, ((SIZE - side) // 2, (SIZE - side) // 2))
        bands.append(np.asarray(canvas))
    red_green_blue, cover = np.stack(bands[:3], 2), bands[3][..., None]
    picture = red_green_blue + (1 - cover) * np.array(ground, np.float32) / 255
    return Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8))


def same_picture(rgba: np.ndarray) -> bytes:
    """Return a key that equal drawings share, so that a drawing reused by a vendor counts once."""
    return rgba.tobytes()


class Icons:
    """Drawings of one set by plain name ("dog face"), aliases resolved."""

    def __init__(self, folder: Path, prefix: str, node_dir: Path) -> None:
        self.prefix, self._node_dir = prefix, node_dir
        self._path = folder / "json" / f"{prefix}.json"
        data = json.loads(self._path.read_text())
        self._icon_of = {name.replace("-", " "): name for name in data["icons"]}
        for alias, target in data.get("aliases", {}).items():
            if target["parent"] in data["icons"] and len(target) == 1:
                self._icon_of.setdefault(alias.replace("-", " "), target["parent"])
        self.categories = {
            category: {name.replace("-", " ") for name in names}
            for category, names in data.get("categories", {}).items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._icon_of

    def draw(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the drawings of those names that the set has and that are not blank."""
        icons = {self._icon_of[name]: name for name in names if name in self}
        drawn = rendered(self._path, sorted(icons), DRAWN, self._node_dir)
        return {icons[icon]: rgba for icon, rgba in drawn if (rgba[..., 3] > 40).mean() > 0.02}


def named_in(captions: Counter[frozenset[str]], name: str) -> int:
    """Count the pre-training images whose caption has every word of a name ("face" aside)."""
    words = frozenset(name.split())
    words = words - {"face", "with"} or words
    return sum(count for caption, count in captions.items() if words <= caption)


def emoji_classes(
    task: EmojiTask, sets: dict[str, Icons], captions: Counter[frozenset[str]], used: set[str]
) -> list[str]:
    """Return the names most often named in pre-training among those that every train and test designer drew.

    A name that another task uses already is left out: in the union of all the tasks a name means one class.
    """
    names = [
        name
        for name in sorted(sets["twemoji"].categories[task.category])
        if task.belongs(name)
        and "skin tone" not in name
        and all(
            name in sets[prefix]
            for prefix in ("noto", "emojione", "twemoji", "fluent-emoji-flat", "fluent-emoji")
        )
    ]
    counts = {name: named_in(captions, name) for name in names}
    chosen: list[str] = []
    taken: set[frozenset[str]] = set()
    for name in sorted(names, key=lambda name: (-counts[name], name)):
        words = frozenset(name.split()) - {"face"} or frozenset(name.split())
        if name in used or (task.key != "faces" and words in taken):  # "dog" and "dog face" are one thing
            continue
        taken.add(words)
        chosen.append(name)
    used.update(chosen[: task.classes])
    return sorted(chosen[: task.classes])


def design(source: str, name: str) -> str:
    """Return one name for all pictures of a thing by one hand: views and renderings of one design."""
    return f"{RENDERINGS.get(source, source)}:{name}"


def hand(source: str, _name: str) -> str:
    """Return one name for all letters by one hand: those of a font's super-family."""
    family = source.removeprefix("font:")
    return f"font:{SUPER_FAMILIES.get(family, family)}"


def samples_of(
    classes: list[str],
    drawings: list[tuple[str, dict[str, np.ndarray]]],
    views: int,
    limit: int,
    rng: np.random.Generator,
    plain_first: bool = True,
    group_of: Callable[[str, str], str] = design,
) -> list[Sample]:
    """Return up to `views` pictures of a drawing, first views first, `limit` // classes a class.

    `group_of` names what the pictures of a source and a class have in common with others.
    """
    seen: set[bytes] = set()
    unique: list[tuple[str, int, np.ndarray]] = []
    for source, by_name in drawings:
        for label, name in enumerate(classes):
            if name in by_name and (key := same_picture(by_name[name])) not in seen:
                seen.add(key)
                unique.append((source, label, by_name[name]))
    chosen: list[Sample] = []
    count: Counter[int] = Counter()
    for index in range(views):
        for position in rng.permutation(len(unique)):
            source, label, rgba = unique[position]
            if count[label] < limit // len(classes):
                count[label] += 1
                picture = view(rgba, plain_first and index == 0, rng)
                chosen.append(Sample(picture, label, source, group_of(source, classes[label])))
    return chosen


def write(folder: Path, key: str, split: str, classes: list[str], samples: list[Sample]) -> None:
    """Write one split as Parquet with the features image, label and source, of test images also group.

    Groups say which test images are not independent of one another; nothing that learns is given them.
    """
    features = Features(
        {"image": ImageFeature(), "label": ClassLabel(names=classes), "source": Value("string")}
    )
    counts = Counter(sample.label for sample in samples)
    assert len(counts) == len(classes), (key, split, [c for i, c in enumerate(classes) if i not in counts])
    rows = {
        "image": [png(s.image) for s in samples],
        "label": [s.label for s in samples],
        "source": [s.source for s in samples],
    }
    if split == "test" and any(s.group is not None for s in samples):
        features["group"], rows["group"] = Value("string"), [s.group for s in samples]
    Dataset.from_dict(rows, features=features).to_parquet(folder / f"{key}-{split}.parquet")
    fewest, most = min(counts.values()), max(counts.values())
    groups = f", {len(set(rows['group']))} groups" if "group" in rows else ""
    print(f"{key}-{split}: {len(samples)} images{groups}, {len(classes)} classes, {fewest}-{most} a class")


def png(image: Image.Image) -> dict[str, bytes | None]:
    """Encode an image the way the Image feature stores it."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", optimize=True)
    return {"bytes": buffer.getvalue(), "path": None}


def padded(pixels: np.ndarray, size: int) -> Image.Image:
    """Return a grey picture resized to `size` in the middle of a black 32x32 one."""
    small = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    canvas = Image.new("L", (SIZE, SIZE))
    canvas.paste(small, ((SIZE - size) // 2, (SIZE - size) // 2))
    return canvas.convert("RGB")


def balanced(labels: np.ndarray, per_class: int, rng: np.random.Generator, skip: int = 0) -> list[int]:
    """Return `per_class` positions of each label after the first `skip` of a random order."""
    order = rng.permutation(len(labels))
    return [
        int(i) for label in np.unique(labels) for i in order[labels[order] == label][skip : skip + per_class]
    ]


def make_emoji(
    folder: Path, icons: Path, node_dir: Path, captions: Counter[frozenset[str]], rng: np.random.Generator
) -> None:
    sets = {prefix: Icons(icons, prefix, node_dir) for prefix in EMOJI_TRAIN + EMOJI_TEST}
    used = {*CLOTHES, *DIGIT_WORDS, *GREEK_LETTERS}
    for task in EMOJI_TASKS:
        classes = emoji_classes(task, sets, captions, used)
        for split, prefixes, views, limit in (
            ("train", EMOJI_TRAIN, TRAIN_VIEWS, MAX_TRAIN),
            ("test", EMOJI_TEST, TEST_VIEWS, MAX_TEST),
        ):
            drawings = [(prefix, sets[prefix].draw(classes)) for prefix in prefixes]
            write(folder, task.key, split, classes, samples_of(classes, drawings, views, limit, rng))


def middle(rgba: np.ndarray) -> np.ndarray:
    """Return the mean colours (5, 5, 3) of the middle of a drawing."""
    side = len(rgba) // 8
    start = (len(rgba) - 5 * side) // 2
    part = rgba[start : start + 5 * side, start : start + 5 * side, :3].astype(np.float32)
    colours: np.ndarray = part.reshape(5, side, 5, side, 3).mean((1, 3))
    return colours


def make_flags(
    folder: Path, icons: Path, node_dir: Path, countries: dict[str, str], rng: np.random.Generator
) -> None:
    """Countries drawn at random from those that every vendor has and pre-training saw."""
    sets = {prefix: Icons(icons, prefix, node_dir) for prefix in (*FLAGS_TRAIN, *FLAGS_TEST, "cif")}
    wide = {code: f"flag for {name}" for code, name in countries.items()}

    def drawn(prefix: str, code: str) -> list[str]:
        if prefix == "flag":
            return [f"{code} 4x3", f"{code} 1x1"]
        if prefix == "circle-flags":
            return [code]
        return [wide[code], wide[code].replace("flag for ", "flag for flag ")]

    codes = [
        code
        for code in sorted(countries)
        if code in sets["cif"]
        and all(any(n in sets[p] for n in drawn(p, code)) for p in FLAGS_TRAIN + FLAGS_TEST)
    ]
    round_ones = sets["circle-flags"].draw(codes)
    square_ones = sets["flag"].draw(f"{code} 1x1" for code in codes)
    codes = [
        code
        for code in codes
        if np.abs(middle(round_ones[code]) - middle(square_ones[f"{code} 1x1"])).mean() <= FLAG_TOLERANCE
    ]
    codes = sorted(codes[i] for i in rng.permutation(len(codes))[:FLAG_CLASSES])
    classes = [countries[code] for code in codes]
    for split, prefixes, views, limit in (
        ("train", FLAGS_TRAIN, FLAG_TRAIN_VIEWS, MAX_TRAIN),
        ("test", FLAGS_TEST, FLAG_TEST_VIEWS, MAX_TEST),
    ):
        drawings = []
        for prefix in prefixes:
            shapes = max(len(drawn(prefix, code)) for code in codes)
            for shape in range(shapes):
                wanted = {
                    drawn(prefix, code)[shape]: countries[code]
                    for code in codes
                    if len(drawn(prefix, code)) > shape
                }
                drawings.append((prefix, {wanted[n]: rgba for n, rgba in sets[prefix].draw(wanted).items()}))
        write(folder, "flags", split, classes, samples_of(classes, drawings, views, limit, rng))


def make_greek(folder: Path, packages: Path, rng: np.random.Generator) -> None:
    classes = list(GREEK_LETTERS)
    for split, families in (("train", GREEK_TRAIN), ("test", GREEK_TEST)):
        drawings = []
        for family in families:
            by_name = {}
            for name, character in GREEK_LETTERS.items():
                mask = glyph(font_path(packages, family, "greek"), character, DRAWN, margin=0.08)
                if mask is not None:
                    by_name[name] = np.concatenate(
                        [np.zeros((DRAWN, DRAWN, 3), np.uint8), mask[..., None]], 2
                    )
            drawings.append((f"font:{family}", by_name))
        limit = MAX_TEST if split == "test" else MAX_TRAIN
        samples = samples_of(classes, drawings, 1, limit, rng, plain_first=False, group_of=hand)
        write(folder, "greek", split, classes, samples)


def make_digits(folder: Path, path: Path) -> None:
    """The 1,797 digits of 13 writers that scikit-learn carries (8x8, 17 grey levels).

    Which writer drew which digit is not told, so no groups are named.
    """
    with gzip.open(path) as stream:
        table = np.loadtxt(stream, delimiter=",")
    labels = table[:, 64].astype(int)
    pixels = (table[:, :64].reshape(-1, 8, 8) / 16 * 255).astype(np.uint8)
    for split, skip, per_class in (("train", 0, 80), ("test", 80, 40)):
        rows = balanced(labels, per_class, np.random.default_rng(7), skip)
        samples = [Sample(padded(pixels[i], 28), int(labels[i]), "uci-optical-digits") for i in rows]
        write(folder, "digits", split, DIGIT_WORDS, samples)


def make_clothes(folder: Path, source: Path, rng: np.random.Generator) -> None:
    """Fashion-MNIST: training images from its training part, test images from its test part."""
    for split, part, per_class in (("train", "train", 80), ("test", "t10k", 40)):
        with gzip.open(source / f"{part}-images-idx3-ubyte.gz") as stream:
            pixels = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 28, 28)
        with gzip.open(source / f"{part}-labels-idx1-ubyte.gz") as stream:
            labels = np.frombuffer(stream.read(), np.uint8, offset=8)
        rows = balanced(labels, per_class, rng)
        samples = [Sample(padded(pixels[i], 28), int(labels[i]), f"fashion-mnist-{part}") for i in rows]
        write(folder, "clothes", split, CLOTHES, samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    work: Path = arguments.work
    folder = work / "tasks"
    folder.mkdir(exist_ok=True)
    captions = Counter(
        frozenset(caption.split())
        for caption, source, _ in json.loads((work / "pairs.json").read_text())
        if ":" not in source
    )
    places = Places(work)
    icons, node_dir = places.icons, work
    countries = json.loads(places.countries.read_text())
    make_emoji(folder, icons, node_dir, captions, np.random.default_rng(arguments.seed))
    make_flags(folder, icons, node_dir, countries, np.random.default_rng(arguments.seed + 1))
    make_greek(folder, places.fonts, np.random.default_rng(arguments.seed + 2))
    make_digits(folder, places.digits)
    make_clothes(folder, places.clothes, np.random.default_rng(arguments.seed + 4))


if __name__ == "__main__":
    main()

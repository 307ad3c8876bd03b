"""Whatever file of a run is damaged, the run ends with the same figures or says that it cannot.

Runs are stopped in the middle of their last task, or finished. A file that is going to be read back is
damaged, and the same command follows: it must heal the damage, or fail with a reason that names the file.
The short form damages each kind of file twice; a thousand trials are

    python -m pytest tests/runs/test_damage.py -m slow -n 0 -s
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch.nn.functional as F
from clbench import Assumptions, FineTuning, MethodSpec, Settings, hookimpl
from clbench.config import RunConfig
from clbench.methods import constant
from clbench.plugins import Registry
from clbench.results.predictions import load_predictions
from clbench.results.store import read_record
from clbench.runs import execute, run_folder
from clbench.runs.sources import Sources
from clbench.streams import pixelfile
from clbench.streams.files.contents import content_digests
from clbench.testing import tiny_plugin, tiny_stream
from clbench_mtil import revisions
from clbench_mtil.hubcopies import HubCopy

THOUSAND = 1300
STOPPED_AT = 3  # a step of the last task


class Dreamer(FineTuning):
    """Fine-tuning that reads back all there is: generated images, and features of them."""

    stops = False

    def learn(self, task):
        dreams = self.context.generate([f"a {name}" for name in task.classes], range(len(task.classes)))
        Z = self.context.initial_features(dreams.images)
        batches = self.context.batches(dreams.images, 2, name="dreams")

        def step(k, batch):
            if self.stops and task.index == 2 and k == STOPPED_AT:
                raise KeyboardInterrupt
            drawn = next(batches)
            features = F.normalize(self.backbone.encode_image(drawn.images), dim=-1)
            return {
                "ce": self.task_loss(batch, task.labels),
                "dreams": (features - Z[drawn.indices]).square().sum(),
            }

        self.context.fit(
            task,
            [p for _, p in self.backbone.trainable()],
            step,
            steps=4,
            schedule=constant(1e-3),
            batch_size=6,
            state=(),
        )
        self.weights_changed()


class DreamerPlugin:
    __name__ = "dreamer"

    @hookimpl
    def clbench_methods(self):
        return [
            MethodSpec(
                name="dreamer",
                title="Dreamer",
                summary="a test's method",
                factory=f"{__name__}:Dreamer",
                settings="clbench:Settings",
                requires=("generator",),
                assumptions=Assumptions(generated_images=True),
            )
        ]


def _config(seed: int) -> RunConfig:
    return RunConfig(
        method="dreamer",
        stream="tiny",
        order="I",
        backbone="tiny",
        generator="tiny-noise",
        seed=seed,
        eval_batch=16,
        checkpoint_steps=2,
        held_out=("tiny-held-out",),
        settings=Settings().model_dump(),
    )


@dataclass(frozen=True)
class Kind:
    """A kind of file: where one of the run is, and where its siblings are."""

    name: str
    pattern: str
    finished: bool = False
    without: str = ""  # a file that is gone as well, so that this one is read
    reads: str = ""  # what reads it back, where that is not the run


_RUN = "runs/tiny-I-tiny/dreamer-seed0-*/"
KINDS = (
    Kind("newest checkpoint", f"{_RUN}checkpoint.pt"),
    Kind("checkpoint before", f"{_RUN}checkpoint.previous.pt"),
    Kind("row", f"{_RUN}rows/*.npz"),
    Kind("middle of a task", f"{_RUN}middle/*.pt"),
    Kind("zero-shot row", "runs/zero-shot/[0-9a-f]*.npz"),
    Kind("held-out row", "runs/zero-shot/held-out-*.npz"),
    Kind("decoded pixels", "cache/pixels/*.npy"),
    Kind("checksums of pixels", "cache/pixels/*.sums"),
    Kind("generated images", "cache/generated/*/*.arrow"),
    Kind("their description", "cache/generated/*/*.json"),
    Kind("predictions", f"{_RUN}predictions.npz", finished=True),
    Kind("record", f"{_RUN}record.json", finished=True),
    Kind("row, record lost", f"{_RUN}rows/*.npz", finished=True, without=f"{_RUN}record.json"),
    Kind("only checkpoint", f"{_RUN}checkpoint.pt", finished=True, without=f"{_RUN}record.json"),
    Kind("digests of image files", "cache/contents/*.json", reads="digests"),
    Kind("commit on the hub", "cache/hub-commits/*.txt", reads="commit"),
)
_COPIES = tuple(HubCopy(key="dtd", path=f"somebody/dtd-{n}", splits={}) for n in range(2))


class Laboratory:
    """Two runs, stopped and finished, of which copies are damaged."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.registry = Registry.of(tiny_plugin, DreamerPlugin())
        self.sources = Sources(self.registry)
        Dreamer.stops = True
        for seed in (0, 1):
            with pytest.raises(KeyboardInterrupt):
                self._execute(root / "stopped", seed)
        Dreamer.stops = False
        shutil.copytree(root / "stopped", root / "finished")
        for seed in (0, 1):
            self._execute(root / "finished", seed)
        self.expected = self.figures(root / "finished")
        self.images = [self._images(root / name) for name in ("pictures", "others")]
        time.sleep(0.1)  # a file is remembered once its next change would show
        for home in ("stopped", "finished"):
            with self._cached(root / home):
                self.read = {"digests": self._digests(), "commit": tuple(self._commits(found=True))}

    def _images(self, folder: Path) -> list[Path]:
        folder.mkdir()
        pixels = np.random.default_rng(len(folder.name)).integers(0, 255, (3, 8, 8, 3), dtype=np.uint8)
        files = [folder / f"{number}.png" for number in range(len(pixels))]
        for file, image in zip(files, pixels, strict=True):
            PIL.Image.fromarray(image).save(file)
        return files

    def _digests(self):
        return tuple(content_digests(files[0].parent, files) for files in self.images)

    def _commits(self, *, found: bool = False):
        for number, copy in enumerate(_COPIES):
            if found:
                revisions._keep(copy.path, f"{number}" * 40)
            yield revisions.commit(copy)

    @contextmanager
    def _cached(self, home: Path):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLBENCH_CACHE", str(home / "cache"))
            yield

    def _execute(self, home: Path, seed: int):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLBENCH_CACHE", str(home / "cache"))
            patch.setattr(pixelfile, "_checked", set())  # as in a process that begins
            [outcome] = execute(self.registry, [_config(seed)], out=home / "runs", sources=self.sources)
        return outcome

    def figures(self, home: Path):
        folder = run_folder(home / "runs", _config(0))
        record = read_record(folder)
        predictions = load_predictions(folder, record.predictions)
        answers = {key: found.tolist() for key, found in predictions.answers.items()}
        held_out = {key: (held.zero_shot, held.after) for key, held in record.held_out.items()}
        return record.status, record.matrices, record.zero_shot, record.metrics, held_out, answers

    def trial(self, kind: Kind, chance: random.Random) -> tuple[str, str]:
        """Damage a file of ``kind`` in a copy, run, and say what was done and what became of it."""
        home = self.root / "trial"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.root / ("finished" if kind.finished else "stopped"), home)
        if kind.without:
            [gone] = home.glob(kind.without)
            gone.unlink()
        path = chance.choice(sorted(home.glob(kind.pattern)))
        damage, done = _damaged(path, self._others(kind, path, home), chance)
        if kind.reads:
            with self._cached(home):
                read = self._digests() if kind.reads == "digests" else tuple(self._commits())
            # A commit that is not known is asked for again; a digest is computed.
            right = self.read[kind.reads]
            assert all(a == b or a is None for a, b in zip(read, right, strict=True)), (kind, damage, read)
            assert kind.reads == "commit" or read == right, (kind, damage, read)
            return kind.name, "healed" if done else "as it was"
        outcome = self._execute(home, 0)
        what = f"{kind.name}: {damage} of {path.relative_to(home)}"
        if outcome.status == "failed":
            assert path.name in outcome.reason or str(outcome.path) in outcome.reason, (what, outcome.reason)
            assert "delete" in outcome.reason, (what, outcome.reason)
            record = outcome.path / "record.json"
            assert not record.exists() or read_record(record).status != "finished", what
            return what, "refused"
        assert self.figures(home) == self.expected, f"{what}: other figures, and nothing said"
        return what, "healed" if done else "as it was"

    def _others(self, kind: Kind, path: Path, home: Path) -> list[bytes]:
        """Contents of other files of this kind: another row's, another image set's, the other run's."""
        everywhere = kind.pattern.replace("dreamer-seed0-*", "dreamer-seed*")
        return [p.read_bytes() for p in sorted(home.glob(everywhere)) if p != path]


def _damaged(path: Path, others: list[bytes], chance: random.Random) -> tuple[str, bool]:
    """Damage the file at ``path``; return how, and whether it is another one now."""
    content = path.read_bytes()
    kind = chance.choice(("flip", "flip", "flip", "cut", "empty", "remove", "exchange", "noise"))
    if kind == "remove":
        path.unlink()
        return "removal", True
    changed = bytearray(content)
    if kind == "flip":
        bits = round(2000 ** chance.random())
        for bit in chance.sample(range(8 * len(content)), min(bits, 8 * len(content))):
            changed[bit // 8] ^= 1 << bit % 8
        kind = f"{bits} flipped bits"
    elif kind == "cut":
        del changed[chance.randrange(len(content)) :]
    elif kind == "empty":
        changed = bytearray()
    elif kind == "exchange" and others:
        changed = bytearray(chance.choice(others))
    else:
        start = chance.randrange(len(content))
        changed[start : start + 64] = chance.randbytes(len(changed[start : start + 64]))
    path.write_bytes(changed)
    return kind, bytes(changed) != content


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        stream = tiny_stream(classes=2, train=12, test=6)
        patch.setattr("clbench.testing.doubles.tiny_stream", lambda: stream)
        yield Laboratory(tmp_path_factory.mktemp("damage"))


def _campaign(laboratory: Laboratory, trials: int, seed: int) -> Counter[tuple[str, str]]:
    chance, ends = random.Random(seed), Counter[tuple[str, str]]()
    for number in range(trials):
        kind = KINDS[number % len(KINDS)]
        _, end = laboratory.trial(kind, chance)
        ends[kind.name, end] += 1
    return ends


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_damage_is_healed_or_refused(laboratory, kind, explore_seed):
    chance = random.Random(f"{explore_seed} {kind.name}")
    for _ in range(2):
        laboratory.trial(kind, chance)


@pytest.mark.slow
def test_a_thousand_damages_are_healed_or_refused(laboratory, explore_seed):
    began = time.perf_counter()
    ends = _campaign(laboratory, THOUSAND, explore_seed)
    print(f"\n{THOUSAND} trials from seed {explore_seed} in {time.perf_counter() - began:.0f} s")
    for kind in KINDS:
        found = {end: ends[kind.name, end] for end in ("healed", "refused", "as it was")}
        print(f"{kind.name:22}" + ", ".join(f"{end} {count}" for end, count in found.items() if count))
    assert sum(ends.values()) == THOUSAND
    assert sum(count for (_, end), count in ends.items() if end == "as it was") < THOUSAND / 20

"""GMAIL as a method: its training against a plain loop in float64, its two flows, its state, its switches."""

from __future__ import annotations

import copy
import hashlib
import logging
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from clbench.errors import ConfigError, DataError
from clbench.methods import Context, warmup_cosine
from clbench.models import Backbone, ImageGenerator, image_features
from clbench.streams import ImageSet
from clbench.testing import tiny_backbone, tiny_stream
from clbench_gmail.lora import TowerLoRA
from clbench_gmail.method import GMAIL
from clbench_gmail.pairs import Partners, image_classes
from clbench_gmail.settings import GMAILSettings
from pydantic import ValidationError
from torch.func import functional_call

STREAM = tiny_stream(train=12, test=4)
SMALL = {
    "align_iterations": 4,
    "align_warmup": 2,
    "align_lr": 1e-2,
    "align_batch_size": 6,
    "num_images": 9,
    "iterations": 4,
    "warmup": 2,
    "lr": 1e-2,
    "batch_size": 5,
    "rehearsal_batch_size": 6,
}


class Painter(ImageGenerator):
    """Noise around a colour that depends on the prompt; remembers what it was asked for."""

    name, digest, steps, guidance = "painter", "painter-1", 2, 1.0

    def __init__(self, black=()):
        self.black = black
        self.calls = []

    def generate(self, prompts, seeds, *, steps=None, guidance=None, progress=None):
        self.calls.append((tuple(prompts), tuple(seeds), steps, guidance))
        images = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            colour = np.frombuffer(hashlib.sha256(prompt.encode()).digest()[:3], np.uint8)
            noise = np.random.default_rng(seed).normal(0, 30, (16, 16, 3))
            pixels = np.clip(colour + noise, 1, 255).astype(np.uint8)
            images.append(PIL.Image.fromarray(pixels * (prompt not in self.black)))
        return images


@pytest.fixture(autouse=True)
def _private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def painter():
    return Painter()


def context_for(painter, tmp_path, index=0, *, seed=0, precision="fp32"):
    context = Context(
        initial=tiny_backbone().freeze(),
        seed=seed,
        task_keys=STREAM.keys,
        scratch=tmp_path / "scratch",
        precision=precision,
        generator=lambda: painter,
    )
    context.begin(f"{index}:{STREAM.keys[index]}")
    return context


def gmail(painter, tmp_path, *, seed=0, precision="fp32", **settings):
    context = context_for(painter, tmp_path, seed=seed, precision=precision)
    return GMAIL(tiny_backbone(), GMAILSettings(**{**SMALL, **settings}), context)


def learn(method, *indices):
    for index in indices:
        method.context.begin(f"{index}:{STREAM.keys[index]}")
        method.learn(STREAM.tasks[index].for_training(index))
    return method


def vector(state):
    return torch.cat([value.flatten() for value in state.values()])


# -- training, step by step -----------------------------------------------------------------------------


def towers_of(state, prefix, *, scaling):
    """A float64 encoder of images and texts with weights W + scaling · B A; ``state`` in float64."""
    model = tiny_backbone().model.double()
    plain = {name: value.detach() for name, value in model.state_dict().items()}

    def weights():
        moved = dict(plain)
        for name, A in state.items():
            if "lora_A" in name:
                layer = prefix + name.split(".lora_A")[0]
                layer += "_weight" if layer.endswith("in_proj") else ".weight"
                moved[layer] = plain[layer] + scaling * state[name.replace("lora_A", "lora_B")] @ A
        return moved

    def encode(images=None, tokens=None):
        found = functional_call(model, weights(), (images, tokens))
        return found[1] if images is None else found[0]  # open_clip normalises both

    return encode


def adam_by_hand(state, loss_of, steps, rate):
    """AdamW without decay on the tensors of ``state``, in float64."""
    moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in state.items()}
    for k in range(steps):
        for p in state.values():
            p.grad = None
            p.requires_grad_(True)
        loss_of(k).backward()
        with torch.no_grad():
            for name, p in state.items():
                first, second = moments[name]
                first.mul_(0.9).add_(0.1 * p.grad)
                second.mul_(0.999).add_(0.001 * p.grad**2)
                size = (second / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8
                p -= rate(k) * first / (1 - 0.9 ** (k + 1)) / size
    for p in state.values():
        p.requires_grad_(False)


def random_adapter(tower, seed):
    """Adapters away from zero, where Adam would only amplify rounding noise."""
    adapter = TowerLoRA(getattr(tiny_backbone().model, tower), rank=2, alpha=4.0, targets=("in_proj", "c_fc"))
    generator = torch.Generator().manual_seed(seed)
    return {n: 0.1 * torch.randn(p.shape, generator=generator) for n, p in adapter.parameters.items()}


def one_log(logits, i, j):
    return logits[i, j] - logits[i].logsumexp(0)


@pytest.mark.parametrize("target", ["pair", "class"])
def test_steps_equal_a_plain_loop_in_float64(target, painter, tmp_path):
    index, task = 1, STREAM.tasks[1]
    options = {"rank": 2, "alpha": 4.0, "targets": ("in_proj", "c_fc"), "target": target, "symmetric": True}
    method = gmail(painter, tmp_path, **options, lr=1e-3, align_lr=1e-3, temperature=0.05, rehearsal=0.5)
    texts, visual = random_adapter("transformer", 0), random_adapter("visual", 1)
    kept = F.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(2)), dim=-1)
    kept_prompts = [STREAM.tasks[0].labels.first_prompts[c] for c in (0, 1, 1, 2, 3)]
    method.load_state_dict(
        {"text": texts, "generated": visual, "rehearsal": {"features": kept, "prompts": kept_prompts}}
    )
    learn(method, index)

    context = context_for(painter, tmp_path, index)
    prompts = task.labels.first_prompts
    asked, seeds, *_ = painter.calls[0]
    images = context.generate(asked, seeds).images
    classes = [prompts.index(prompt) for prompt in asked]
    labels, partners = task.train.labels, Partners(task.train.labels)
    real = torch.from_numpy(task.train.pixels(context.initial.preprocessing).copy())
    real = context.initial.preprocessing.normalise(real).double()
    f_r = towers_of({}, "", scaling=0)(images=real).detach()
    rate = warmup_cosine(1e-3, warmup=2, iterations=4)

    visual = {name: value.double() for name, value in visual.items()}
    f_g = towers_of(visual, "visual.", scaling=2.0)
    batches = context.batches(images, 6, name="generated")
    draws = context.generator("partners")

    def align(_k):
        batch = next(batches)
        ids = [classes[i] for i in batch.indices.tolist()]
        logits = f_g(images=batch.images.double()) @ f_r[partners.draw(torch.tensor(ids), draws)].T / 0.05
        loss, n = 0.0, len(ids)
        for i in range(n):
            mates = [i] if target == "pair" else [j for j in range(n) if ids[j] == ids[i]]
            loss -= sum(one_log(logits, i, j) + one_log(logits.T, i, j) for j in mates) / len(mates) / n / 2
        return loss

    adam_by_hand(visual, align, 4, rate)
    generated = torch.from_numpy(images.pixels(context.initial.preprocessing).copy())
    aligned = f_g(images=context.initial.preprocessing.normalise(generated).double()).detach()
    kept, kept_prompts = torch.cat([kept.double(), aligned]), [*kept_prompts, *asked]

    texts = {name: value.double() for name, value in texts.items()}
    w = towers_of(texts, "transformer.", scaling=2.0)
    batches = context.batches(task.train, 5, name="train")
    draws = context.generator("rehearsal")
    s = float(tiny_backbone().scale.detach())

    def classify(_k):
        batch = next(batches)
        logits = s * f_r[batch.indices] @ w(tokens=context.initial.tokenize(prompts)).T
        loss, n, C = 0.0, len(batch), len(prompts)
        for i, label in enumerate(labels[batch.indices.numpy()]):
            mass = [0.2 / C + 0.8 * (j == label) for j in range(C)]
            loss -= sum(mass[j] * one_log(logits, i, j) for j in range(C)) / n
        chosen = torch.randint(len(kept), (6,), generator=draws)
        drawn = [kept_prompts[i] for i in chosen.tolist()]
        distinct = sorted(set(drawn))
        logits = s * kept[chosen] @ w(tokens=context.initial.tokenize(distinct)).T
        return loss - 0.5 * sum(one_log(logits, i, distinct.index(p)) for i, p in enumerate(drawn)) / 6

    start = vector(texts).clone()
    adam_by_hand(texts, classify, 4, rate)

    state = method.state_dict()
    assert state["rehearsal"]["prompts"] == kept_prompts
    torch.testing.assert_close(state["rehearsal"]["features"].double(), kept, atol=2e-5, rtol=0)
    for ours, expected in ((state["generated"], visual), (state["text"], texts)):
        for name, value in ours.items():
            torch.testing.assert_close(value.double(), expected[name], atol=2e-5, rtol=0, msg=name)
    assert (vector(texts) - start).abs().max() > 1e-3  # they did move


# -- the two flows ----------------------------------------------------------------------------------------


def test_real_images_go_through_the_frozen_tower_for_ever(painter, tmp_path):
    method, initial = learn(gmail(painter, tmp_path), 0, 1), tiny_backbone()
    ours, theirs = method.backbone.model.visual.state_dict(), initial.model.visual.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_scores_are_cosines_of_the_frozen_tower_and_the_tuned_texts(painter, tmp_path):
    method = learn(gmail(painter, tmp_path), 0)
    labels = STREAM.tasks[0].labels
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    Z = F.normalize(tiny_backbone().encode_image(images), dim=-1)
    rows = []
    for prompts in labels.prompts:
        texts = method.backbone.encode_text(method.backbone.tokenize(prompts))
        rows.append(F.normalize(F.normalize(texts, dim=-1).mean(dim=0), dim=-1))
    torch.testing.assert_close(method.score(images, labels), 100 * Z @ torch.stack(rows).T, atol=1e-3, rtol=0)


def test_alignment_moves_generated_images_to_the_real_ones_of_their_class(painter, tmp_path):
    task = STREAM.tasks[0]
    labels = torch.from_numpy(task.train.labels)
    Z = image_features(tiny_backbone(), task.train)

    def right(align_iterations):
        """How often a generated image is nearest to the real images of its own class."""
        method = learn(
            gmail(painter, tmp_path, align_iterations=align_iterations, num_images=32, align_batch_size=16), 0
        )
        kept = method.state_dict()["rehearsal"]
        means = torch.stack([Z[labels == c].mean(0) for c in range(4)])
        wanted = torch.tensor([task.labels.first_prompts.index(p) for p in kept["prompts"]])
        return ((kept["features"] @ F.normalize(means, dim=-1).T).argmax(1) == wanted).float().mean()

    assert right(0) < 0.7
    assert right(60) > 0.9


def test_without_alignment_generated_images_count_as_real_ones(painter, tmp_path):
    method = learn(gmail(painter, tmp_path, align_iterations=0), 0)
    prompts, seeds, *_ = painter.calls[0]
    images = context_for(painter, tmp_path).generate(prompts, seeds).images
    kept = method.state_dict()["rehearsal"]["features"]
    torch.testing.assert_close(kept, image_features(tiny_backbone(), images), atol=1e-5, rtol=0)


def test_it_learns_its_task(painter, tmp_path):
    task = STREAM.tasks[1]
    images = task.train.pixels(tiny_backbone().preprocessing)
    images = tiny_backbone().preprocessing.normalise(torch.from_numpy(images.copy()))
    labels = torch.from_numpy(task.train.labels)

    def loss(method):
        return F.cross_entropy(method.score(images, task.labels), labels)

    method = gmail(painter, tmp_path, iterations=30)
    before = loss(method)
    assert loss(learn(method, 0, 1)) < 0.3 * before


# -- what is kept -----------------------------------------------------------------------------------------


def test_earlier_embeddings_stay_as_they_are(painter, tmp_path):
    method = learn(gmail(painter, tmp_path), 0)
    first = method.state_dict()["rehearsal"]
    second = learn(method, 1).state_dict()["rehearsal"]
    assert len(second["prompts"]) == 2 * len(first["prompts"]) == 18
    assert torch.equal(second["features"][:9], first["features"])
    assert second["prompts"][:9] == first["prompts"]


def test_the_state_is_small_and_restores_everything(painter, tmp_path):
    straight = learn(gmail(painter, tmp_path), 0)
    state = copy.deepcopy(straight.state_dict())
    adapters = 2 * 2 * 4 * 16 * 32  # towers · blocks · rank · (sums of the layers' sides in widths) · width
    assert sum(v.numel() for part in ("text", "generated") for v in state[part].values()) == adapters
    assert state["rehearsal"]["features"].shape == (9, 16)
    resumed = gmail(painter, tmp_path)
    resumed.load_state_dict(state)
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = STREAM.tasks[1].labels
    assert torch.equal(straight.score(images, labels), resumed.score(images, labels))
    assert torch.equal(learn(straight, 1).score(images, labels), learn(resumed, 1).score(images, labels))


def test_a_fresh_adapter_is_not_kept(painter, tmp_path):
    assert gmail(painter, tmp_path).state_dict()["generated"] == {}
    assert learn(gmail(painter, tmp_path, adapter="fresh"), 0).state_dict()["generated"] == {}
    assert learn(gmail(painter, tmp_path), 0).state_dict()["generated"] != {}


def test_both_trainings_are_counted_as_one_task(painter, tmp_path):
    method = learn(gmail(painter, tmp_path), 0, 1)
    assert method.context.measured.trainable_parameters == [2 * 2 * 4 * 16 * 32] * 2
    method = learn(gmail(painter, tmp_path, rehearsal=0), 0)
    assert method.context.measured.trainable_parameters == [2 * 4 * 16 * 32]


# -- generated images -------------------------------------------------------------------------------------


def test_the_tasks_own_prompts_are_asked_for_in_turn(painter, tmp_path):
    learn(gmail(painter, tmp_path, image_seed=7, denoising_steps=9, guidance=3.0), 0, 1)
    for index, (prompts, seeds, steps, guidance) in enumerate(painter.calls):
        own = STREAM.tasks[index].labels.first_prompts
        assert prompts == tuple(own[c] for c in image_classes((0, 1, 2, 3), 9, seed=7))
        assert seeds == tuple(range(70_000_000, 70_000_009))
        assert (steps, guidance) == (9, 3.0)


def test_images_depend_neither_on_the_runs_seed_nor_on_the_order(painter, tmp_path):
    learn(gmail(painter, tmp_path, seed=0), 0, 1)
    learn(gmail(painter, tmp_path, seed=1), 0, 1)
    method = gmail(painter, tmp_path)
    method.learn(STREAM.tasks[1].for_training(0))
    assert len(painter.calls) == 2


def test_classes_without_real_images_are_not_generated(painter, tmp_path):
    task = STREAM.tasks[0]
    train = ImageSet(task.train.dataset.select(np.flatnonzero(task.train.labels != 2)), name="part")
    method = gmail(painter, tmp_path)
    method.learn(
        SimpleNamespace(
            index=0, key="t0", labels=task.labels, train=train, rate_scale=1.0, classes=task.classes
        )
    )
    assert set(painter.calls[0][0]) == {task.labels.first_prompts[c] for c in (0, 1, 3)}


def test_contact_sheet_lies_in_the_runs_folder(painter, tmp_path):
    learn(gmail(painter, tmp_path), 0, 1)
    sheets = sorted((tmp_path / "scratch").iterdir())
    assert [sheet.name for sheet in sheets] == ["generated-01-t0.png", "generated-02-t1.png"]
    assert min(PIL.Image.open(sheets[0]).size) > 100


def test_black_images_are_left_out(tmp_path, caplog):
    prompts = STREAM.tasks[0].labels.first_prompts
    with caplog.at_level(logging.WARNING):
        method = learn(gmail(Painter({prompts[1]}), tmp_path), 0)
    kept = method.state_dict()["rehearsal"]["prompts"]
    assert prompts[1] not in kept
    assert f"{9 - len(kept)} of 9 generated images are black" in caplog.text
    with pytest.raises(DataError, match="are black"):
        learn(gmail(Painter(set(prompts)), tmp_path, image_seed=1), 0)


def test_without_rehearsal_nothing_is_generated(painter, tmp_path):
    method = learn(gmail(painter, tmp_path, rehearsal=0), 0, 1)
    assert painter.calls == []
    assert method.state_dict()["rehearsal"] == {"features": None, "prompts": []}


# -- settings ---------------------------------------------------------------------------------------------

SWITCHES = {
    "default": {},
    "rank": {"rank": 2},
    "alpha": {"alpha": 8.0},
    "attention alone": {"targets": ("in_proj", "out_proj")},
    "no alignment": {"align_iterations": 0},
    "temperature": {"temperature": 0.1},
    "class targets": {"target": "class"},
    "symmetric": {"symmetric": True},
    "fresh adapter": {"adapter": "fresh"},
    "no smoothing": {"label_smoothing": 0},
    "crops": {"augment": True},
    "half the rehearsal": {"rehearsal": 0.5},
    "no rehearsal": {"rehearsal": 0},
    "earlier alone": {"rehearse": "earlier"},
    "image seed": {"image_seed": 3},
}


def test_every_switch_changes_the_scores(painter, tmp_path):
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ends = {}
    for name, switch in SWITCHES.items():
        method = learn(gmail(painter, tmp_path, **{"iterations": 2, "align_iterations": 2, **switch}), 0, 1)
        ends[name] = method.score(images, STREAM.tasks[1].labels)
        assert torch.isfinite(ends[name]).all(), name
    names = list(ends)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            # Scores are of the order of 10; rounding is of the order of 1e-5.
            assert (ends[one] - ends[other]).abs().max() > 1e-3, (one, other)


def test_without_a_temperature_it_is_the_backbones_scale(painter, tmp_path):
    scale = float(tiny_backbone().scale.detach())
    ends = [
        learn(gmail(painter, tmp_path, temperature=t), 0).state_dict()["generated"] for t in (None, 1 / scale)
    ]
    assert torch.equal(vector(ends[0]), vector(ends[1]))


def test_mixed_precision_learns_about_the_same(painter, tmp_path):
    ends, starts = [], []
    for precision in ("fp32", "bf16"):
        method = gmail(painter, tmp_path, precision=precision)
        starts.append(vector(method.state_dict()["text"]))
        ends.append(vector(learn(method, 0).state_dict()["text"]))
    assert torch.equal(starts[0], starts[1])
    assert ends[1].dtype == torch.float32
    assert F.cosine_similarity(ends[0] - starts[0], ends[1] - starts[1], dim=0) > 0.7


@pytest.mark.parametrize(
    "wrong", [{"warmup": 7, "iterations": 6}, {"align_warmup": 7, "align_iterations": 6}]
)
def test_settings_that_cannot_work_together(wrong):
    with pytest.raises(ConfigError, match="gmail"):
        GMAIL.check(GMAILSettings(**wrong))


def test_alignment_that_is_off_needs_no_warm_up():
    GMAIL.check(GMAILSettings(align_iterations=0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"targets": ()},
        {"targets": ("attn",)},
        {"temperature": 0},
        {"align_batch_size": 1},
        {"rehearsal": -1},
        {"adapters": "fresh"},
    ],
)
def test_settings_out_of_bounds(wrong):
    with pytest.raises(ValidationError):
        GMAILSettings(**wrong)


def test_a_backbone_of_another_make_is_an_error_that_says_so(painter, tmp_path):
    other = tiny_backbone()
    backbone = Backbone("other", torch.nn.Linear(2, 2), other.tokenizer, other.preprocessing)
    with pytest.raises(ConfigError, match="no transformer to adapt"):
        GMAIL(backbone, GMAILSettings(**SMALL), context_for(painter, tmp_path))

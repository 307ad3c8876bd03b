"""GIFT as a method: its training against a plain loop, its prompts, its state, its switches."""

from __future__ import annotations

import copy
import hashlib
import itertools
import logging

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from clbench.errors import ConfigError, DataError
from clbench.methods import Context, warmup_cosine
from clbench.models import ImageGenerator
from clbench.testing import learn_given, tiny_backbone, tiny_stream
from clbench_gift.method import GIFT
from clbench_gift.settings import GIFTSettings
from pydantic import ValidationError

POOL = ("apple", "boat", "cloud")
STREAM = tiny_stream(train=12, test=4)
SMALL = {
    "iterations": 6,
    "warmup": 2,
    "batch_size": 5,
    "synthetic_batch_size": 8,
    "num_images": 13,
    "lr": 1e-3,
}

# A low rate keeps AdamW from enlarging rounding noise; a strong pull makes consolidation count.
TRAJECTORY = {"lr": 1e-4, "consolidation_weight": 1000.0}


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


def context_for(painter, tmp_path, index=0, *, seed=0, class_pool=POOL, precision="fp32"):
    context = Context(
        initial=tiny_backbone().freeze(),
        seed=seed,
        task_keys=STREAM.keys,
        scratch=tmp_path / "scratch",
        precision=precision,
        class_pool=lambda: class_pool,
        generator=lambda: painter,
    )
    context.begin(f"{index}:{STREAM.keys[index]}")
    return context


def gift(painter, tmp_path, **settings):
    return GIFT(tiny_backbone(), GIFTSettings(**{**SMALL, **settings}), context_for(painter, tmp_path))


def learn(method, *indices):
    for index in indices:
        method.context.begin(f"{index}:{STREAM.keys[index]}")
        method.learn(STREAM.tasks[index].for_training(index))
    return method


def soft_cross_entropy(target_logits, logits, temperature=2.0):
    q, p = (target_logits / temperature).softmax(1), (logits / temperature).log_softmax(1)
    return -(q * p).sum(1).mean() * temperature**2


def smoothed_alignment(logits, prompts, smoothing=0.2):
    same = torch.tensor([[float(a == b) for b in prompts] for a in prompts])
    target = (1 - smoothing) * same / same.sum(1, keepdim=True) + smoothing / len(prompts)
    return -(target * logits.log_softmax(1)).sum(1).mean()


def reverse_divergence(target_logits, logits, temperature=2.0):
    log_q, log_p = (target_logits / temperature).log_softmax(1), (logits / temperature).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean() * temperature**2


def plain_loop(backbone, classes, real, synthetic, kind="cross_entropy", in_place=False, static=0):
    """Train as the formulas say: no caching, duplicates encoded, penalty by autograd, AdamW by hand.

    ``real`` yields (images, labels), ``synthetic`` (images, their prompts). ``in_place`` adds losses as the
    authors' first release does; ``static`` keeps importances after so many steps, as their later loop does.
    """
    teacher = backbone.copy().freeze()
    anchors = {n: p.detach().clone() for n, p in backbone.trainable()}
    parameters = dict(backbone.trainable())
    first, second = ({n: torch.zeros_like(p) for n, p in parameters.items()} for _ in range(2))
    rate = warmup_cosine(TRAJECTORY["lr"], warmup=2, iterations=6)
    strength = TRAJECTORY["consolidation_weight"]
    fisher = {}

    def embed(model, pictures, texts):
        tokens = model.tokenize(texts)
        return (
            F.normalize(model.encode_image(pictures), dim=-1),
            F.normalize(model.model.encode_text(tokens), dim=-1),
        )

    for k in range(7):
        late = static > 0 and k >= static
        for p in backbone.model.parameters():
            p.grad = p.grad if late else None
        (pictures, texts), s = next(synthetic), backbone.scale.detach()
        zs, ws = embed(backbone, pictures, texts)
        zt, wt = embed(teacher, pictures, texts)
        student, target = s * zs @ ws.T, s * zt @ wt.T
        if kind == "feature_mse":
            loss = ((zs - zt) ** 2).mean() + ((ws - wt) ** 2).mean()
        else:
            distil = {"cross_entropy": soft_cross_entropy, "reverse_kl": reverse_divergence}[kind]
            loss = distil(target, student) + distil(target.T, student.T)
        loss = loss + 0.25 * (smoothed_alignment(student, texts) + smoothed_alignment(student.T, texts))
        if not late:
            loss.backward(retain_graph=True)
            now = {n: p.grad.square() / p.grad.square().mean() for n, p in parameters.items()}
            share = 1 / (k + 1) if static else 1.0  # static: the mean over the steps so far
            fisher = {n: (1 - share) * fisher.get(n, now[n]) + share * now[n] for n in now}
        generated = loss
        pictures, labels = next(real)
        zx, wx = embed(backbone, pictures, list(classes))
        logs = (s * zx @ wx.T).log_softmax(1)
        hot = F.one_hot(labels, len(wx)).float()
        loss = ce = -((0.8 * hot + 0.2 / len(wx)) * logs).sum(1).mean()
        pull = strength * sum((fisher[n] * (p - anchors[n]) ** 2).sum() for n, p in parameters.items())
        if in_place:
            loss += generated
            loss += pull
        (pull + ce).backward()
        with torch.no_grad():
            for n, p in parameters.items():
                first[n] = 0.9 * first[n] + 0.1 * p.grad
                second[n] = 0.999 * second[n] + 0.001 * p.grad**2
                corrected = (second[n] / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8
                p -= rate(k) * first[n] / (1 - 0.9 ** (k + 1)) / corrected


def without_key_biases(model):
    """Weights but the attention's key biases: their gradient is rounding noise, which AdamW enlarges."""
    weights = {}
    for name, value in model.state_dict().items():
        if name.endswith("in_proj_bias"):
            query, _, values = value.chunk(3)
            value = torch.cat([query, values])
        weights[name] = value
    return weights


@pytest.mark.parametrize("index", [0, 1])
def test_seven_steps_equal_a_plain_loop(index, painter, tmp_path):
    method = learn(gift(painter, tmp_path, **TRAJECTORY), *range(index))
    start = without_key_biases(copy.deepcopy(method.backbone.model))
    expected = method.backbone.copy()
    learn(method, index)
    prompts, seeds, steps, guidance = painter.calls[-1]
    context = context_for(painter, tmp_path, index)
    images = context.generate(prompts, seeds, steps=steps, guidance=guidance).images
    task = STREAM.tasks[index]
    real = ((b.images, b.labels) for b in context.batches(task.train, 5, name="train", augment=True))
    synthetic = (
        (b.images, [prompts[i] for i in b.indices.tolist()])
        for b in context.batches(images, 8, name="synthetic")
    )
    plain_loop(expected, task.labels.first_prompts, real, synthetic)
    ours, theirs = without_key_biases(method.backbone.model), without_key_biases(expected.model)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=0, msg=name)
    assert max((ours[n] - start[n]).abs().max() for n in ours) > 1e-4  # they did move
    assert len(set(prompts)) < len(prompts)  # with duplicates among the prompts


@pytest.mark.parametrize("kind", ["cross_entropy", "reverse_kl", "feature_mse"])
def test_seven_steps_from_given_batches_equal_a_plain_loop(kind):
    random = torch.Generator().manual_seed(0)

    def images(count):
        return torch.randn(count, 3, 16, 16, generator=random)

    classes = ["a photo of a cat.", "a photo of a dog.", "a photo of a very long thing."]
    words = ["a house", "a tree", "a house", "a road"]
    real = [(images(n), torch.randint(3, (n,), generator=random)) for n in (6, 6, 2)]
    synthetic = [(images(n), words[:n]) for n in (4, 3)]
    settings = {"iterations": 6, "warmup": 2, "distillation_loss": kind, **TRAJECTORY}
    start = tiny_backbone(seed=3)
    method = learn_given("gift", start, batches=real, prompts=classes, generated=synthetic, settings=settings)
    expected = start.copy()
    plain_loop(expected, classes, itertools.cycle(real), itertools.cycle(synthetic), kind)
    ours, theirs = without_key_biases(method.backbone.model), without_key_biases(expected.model)
    before = without_key_biases(start.model)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=0, msg=name)
    assert max((ours[n] - before[n]).abs().max() for n in ours) > 1e-4


@pytest.mark.parametrize("bugs", [{"in_place": True}, {"static": 3}, {"in_place": True, "static": 2}])
def test_the_bugs_of_the_authors_loop_are_what_their_loop_does(bugs):
    random = torch.Generator().manual_seed(0)

    def images(count):
        return torch.randn(count, 3, 16, 16, generator=random)

    classes = ["a photo of a cat.", "a photo of a dog."]
    words = ["a house", "a tree", "a house", "a road"]
    real = [(images(n), torch.randint(2, (n,), generator=random)) for n in (6, 6, 2)]
    synthetic = [(images(n), words[:n]) for n in (4, 3)]
    switches = {
        "summed_in_place": "in_place" in bugs,
        "static_awc": bugs.get("static", 0),
        "static_awc_unzeroed": "static" in bugs,
    }
    settings = {"iterations": 6, "warmup": 2, **TRAJECTORY, **switches}
    start = tiny_backbone(seed=3)
    method = learn_given("gift", start, batches=real, prompts=classes, generated=synthetic, settings=settings)
    expected = start.copy()
    plain_loop(expected, classes, itertools.cycle(real), itertools.cycle(synthetic), **bugs)
    ours, theirs = without_key_biases(method.backbone.model), without_key_biases(expected.model)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=0, msg=name)
    usual = learn_given(
        "gift",
        start,
        batches=real,
        prompts=classes,
        generated=synthetic,
        settings=settings | {"summed_in_place": False, "static_awc_unzeroed": False},
    )
    other = without_key_biases(usual.backbone.model)
    assert max((ours[n] - other[n]).abs().max() for n in ours) > 1e-5


def test_prompts_come_from_the_pool_and_earlier_tasks_only(painter, tmp_path):
    learn(gift(painter, tmp_path, num_images=64, iterations=2), 0, 1, 2)
    pool = {f"a photo of a {name}." for name in POOL}
    tasks = [set(task.labels.first_prompts) for task in STREAM.tasks]
    asked = [set(prompts) for prompts, *_ in painter.calls]
    assert asked == [pool, pool | tasks[0], pool | tasks[0] | tasks[1]]


def test_image_seeds_follow_the_authors_rule(painter, tmp_path):
    learn(gift(painter, tmp_path, iterations=2), 0, 1)
    assert [seeds for _, seeds, *_ in painter.calls] == [
        tuple(10_000_000 * 42 + 100_000 * (task - 1) + j for j in range(13)) for task in (0, 1)
    ]


def test_all_run_seeds_share_the_images(painter, tmp_path):
    for seed in (0, 1):
        context = context_for(painter, tmp_path, seed=seed)
        GIFT(tiny_backbone(), GIFTSettings(**SMALL), context).learn(STREAM.tasks[0].for_training(0))
    assert len(painter.calls) == 1


def test_image_seed_steps_guidance_and_template_reach_the_generator(painter, tmp_path):
    learn(
        gift(
            painter,
            tmp_path,
            image_seed=7,
            denoising_steps=9,
            guidance=3.0,
            pool_template="{}!",
            iterations=2,
        ),
        0,
    )
    prompts, seeds, steps, guidance = painter.calls[0]
    assert (seeds[0], steps, guidance) == (70_000_000 - 100_000, 9, 3.0)
    assert set(prompts) <= {f"{name}!" for name in POOL}


def test_contact_sheet_lies_in_the_runs_folder(painter, tmp_path):
    learn(gift(painter, tmp_path, iterations=2), 0, 1)
    sheets = sorted((tmp_path / "scratch").iterdir())
    assert [sheet.name for sheet in sheets] == ["generated-01-t0.png", "generated-02-t1.png"]
    assert min(PIL.Image.open(sheets[0]).size) > 200


def test_a_restored_method_goes_on_bit_equal(painter, tmp_path):
    straight = learn(gift(painter, tmp_path), 0)
    state = copy.deepcopy(straight.state_dict())
    resumed = gift(painter, tmp_path)
    resumed.load_state_dict(state)
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = STREAM.tasks[1].labels
    assert torch.equal(straight.score(images, labels), resumed.score(images, labels))
    assert torch.equal(learn(straight, 1).score(images, labels), learn(resumed, 1).score(images, labels))


SWITCHES = {
    "default": {},
    "no distillation": {"distillation": 0},
    "no alignment": {"alignment": 0},
    "cosine logits": {"distillation_logits": "cosine"},
    "no alignment smoothing": {"alignment_smoothing": 0},
    "reverse divergence": {"distillation_loss": "reverse_kl"},
    "features": {"distillation_loss": "feature_mse"},
    "image only": {"synthetic_gradient": "image_only"},
    "text only": {"synthetic_gradient": "text_only"},
    "plain l2": {"consolidation": "l2"},
    "no consolidation": {"consolidation": "none"},
    "unnormalised": {"fisher_normalised": False},
    "static importances": {"static_awc": 2},
}


def test_every_switch_changes_the_weights(painter, tmp_path):
    ends = {}
    for name, switch in SWITCHES.items():
        method = learn(gift(painter, tmp_path, lr=3e-3, iterations=4, **switch), 0)
        ends[name] = torch.cat([w.flatten() for w in without_key_biases(method.backbone.model).values()])
        assert torch.isfinite(ends[name]).all(), name
    names = list(ends)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            # Far beyond rounding, so that a switch without effect is found out.
            assert (ends[one] - ends[other]).abs().max() > 1e-4, (one, other)


def test_the_teacher_can_be_the_initial_model(painter, tmp_path):
    ends = []
    for teacher in ("previous", "initial"):
        method = learn(gift(painter, tmp_path, lr=3e-3, iterations=4, teacher=teacher), 0)
        first = without_key_biases(copy.deepcopy(method.backbone.model))
        ends.append((first, without_key_biases(learn(method, 1).backbone.model)))
    (first, second), (first_again, other) = ends
    # In the first task they are one and the same model, in the second they are not.
    for name in first:
        torch.testing.assert_close(first[name], first_again[name], atol=1e-5, rtol=0, msg=name)
    assert max((second[n] - other[n]).abs().max() for n in second) > 1e-4


def test_static_importances_with_a_tower_that_takes_no_part(painter, tmp_path):
    method = learn(gift(painter, tmp_path, synthetic_gradient="image_only", static_awc=3), 0)
    assert all(torch.isfinite(p).all() for p in method.backbone.model.parameters())


def test_mixed_precision_learns_about_the_same(painter, tmp_path):
    ends = []
    for precision in ("fp32", "bf16"):
        context = context_for(painter, tmp_path, precision=precision)
        method = learn(GIFT(tiny_backbone(), GIFTSettings(**SMALL), context), 0)
        ends.append(torch.cat([w.flatten() for w in without_key_biases(method.backbone.model).values()]))
    start = torch.cat([w.flatten() for w in without_key_biases(tiny_backbone().model).values()])
    assert ends[1].dtype == torch.float32
    assert F.cosine_similarity(ends[0] - start, ends[1] - start, dim=0) > 0.7


def test_fine_tuning_alone_generates_nothing(painter, tmp_path):
    learn(gift(painter, tmp_path, distillation=0, alignment=0, consolidation="none"), 0)
    assert painter.calls == []


def test_consolidation_keeps_the_weights_closer(painter, tmp_path):
    start = dict(tiny_backbone().trainable())

    def distance(strength):
        method = learn(gift(painter, tmp_path, consolidation_weight=strength, iterations=12), 0)
        return sum(float((p - start[n]).detach().square().sum()) for n, p in method.backbone.trainable())

    assert distance(1000.0) < 0.9 * distance(0.0)


def test_black_images_are_left_out(tmp_path, caplog):
    black = {"a photo of a apple."}
    with caplog.at_level(logging.WARNING):
        learn(gift(Painter(black), tmp_path, iterations=2), 0)
    assert "of 13 generated images are black" in caplog.text
    with pytest.raises(DataError, match="are black"):
        learn(gift(Painter({f"a photo of a {n}." for n in POOL}), tmp_path, image_seed=1), 0)


def test_an_empty_pool_is_an_error_that_says_so(painter, tmp_path):
    method = GIFT(tiny_backbone(), GIFTSettings(**SMALL), context_for(painter, tmp_path, class_pool=()))
    with pytest.raises(DataError, match="class pool is empty"):
        learn(method, 0)


@pytest.mark.parametrize(
    "wrong", [{"warmup": 7, "iterations": 6}, {"distillation": 0, "alignment": 0, "consolidation": "awc"}]
)
def test_settings_that_cannot_work_together(wrong):
    with pytest.raises(ConfigError, match="gift"):
        GIFTSettings(**wrong).check("gift")


@pytest.mark.parametrize(
    "wrong", [{"pool_template": "a photo"}, {"num_images": 0}, {"temperature": 0}, {"image_seeds": 1}]
)
def test_settings_out_of_bounds(wrong):
    with pytest.raises(ValidationError):
        GIFTSettings(**wrong)


def test_defaults_are_the_papers():
    settings = GIFTSettings()
    assert (settings.iterations, settings.lr, settings.temperature) == (1000, 1e-5, 2.0)
    assert (settings.distillation, settings.alignment, settings.consolidation_weight) == (1.0, 0.25, 1.0)


def test_the_authors_way_of_computing_gives_the_same(painter, tmp_path):
    wasteful = learn(gift(painter, tmp_path, official_compute=True), 0, 1)
    usual = learn(gift(painter, tmp_path), 0, 1)
    expected = without_key_biases(usual.backbone.model)
    for name, value in without_key_biases(wasteful.backbone.model).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=2e-5)

"""MoE-Adapters as the harness uses it: learn a tiny stream, choose a task, score."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from clbench import Batch, ConfigError, LabelSpace, MethodError
from clbench.config.presets import usual_preset
from clbench.models import text_classifier
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_stream
from clbench_moe_adapters import gating, plugin, recognition
from clbench_moe_adapters.method import MoEAdapters
from clbench_moe_adapters.recognition import TaskRecognition
from clbench_moe_adapters.selection import REFERENCE
from clbench_moe_adapters.settings import MoEAdaptersSettings

SMALL = {
    "iterations": 3,
    "warmup": 1,
    "batch_size": 8,
    "lr": 1e-2,
    "experts": 5,
    "bottleneck": 4,
    "features": "patches",
    "code": 8,
    "autoencoder_iterations": 60,
    "autoencoder_decay_epochs": 20,
    "reference_iterations": 2,
    "autoencoder_batch_size": 12,
    "threshold": 10.0,
}


@pytest.fixture(scope="module")
def stream():
    return tiny_stream(tasks=3, classes=4, train=24, test=12)


def made(stream, **changed) -> MoEAdapters:
    context = tiny_context(stream)
    return MoEAdapters(context.initial.copy(), MoEAdaptersSettings(**{**SMALL, **changed}), context)


def learned(stream, tasks: int = 2, **changed) -> MoEAdapters:
    method = made(stream, **changed)
    for index in range(tasks):
        method.learn(stream.tasks[index].for_training(index))
    return method


@pytest.fixture(scope="module")
def trained(stream) -> MoEAdapters:
    """Two tasks learned; nothing in the tests below changes it."""
    return learned(stream)


def views(images) -> torch.Tensor:
    preprocessing = tiny_backbone().preprocessing
    return preprocessing.normalise(torch.from_numpy(images.pixels(preprocessing).copy()))


def clip_logits(images: torch.Tensor, labels: LabelSpace, templates="all") -> torch.Tensor:
    backbone = tiny_backbone().freeze()
    features = F.normalize(backbone.encode_image(images), dim=-1)
    return 100 * features @ text_classifier(backbone, labels, templates=templates).T


@pytest.mark.parametrize("templates", ["first", "all"])
def test_before_any_task_it_is_clip(stream, templates):
    images = views(stream.tasks[0].test)
    got = made(stream, test_templates=templates).score(images, stream.union)
    torch.testing.assert_close(got, clip_logits(images, stream.union, templates), atol=1e-4, rtol=1e-6)


# -- training ---------------------------------------------------------------------------------------


def plain_block(block, x, mask, task):
    """An adapted block at training time, from the formulas: all experts run, gates are dense."""
    heads, width = block.attn.num_heads, x.shape[-1]
    y = block.ln_1(x)
    q, k, v = (y @ block.attn.in_proj_weight.T + block.attn.in_proj_bias).chunk(3, dim=-1)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(width // heads)
    if mask is not None:
        scores = scores + mask
    attended = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
    x = x + attended @ block.attn.out_proj.weight.T + block.attn.out_proj.bias
    logits = x[:, 0] @ block.router_list[task]
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(1, logits.argsort(dim=1)[:, -2:], True)
    exp = logits.exp() * kept
    gates = exp / exp.sum(dim=1, keepdim=True)
    out = x + block.mlp(block.ln_2(x))
    for e, a in enumerate(block.adaptmlp_list):
        code = (x @ a.down_proj.weight.T + a.down_proj.bias).clamp(min=0)
        expert = 0.1 * (code @ a.up_proj.weight.T + a.up_proj.bias)
        out = out + gates[:, e, None, None] * expert
    return out


def plain_embeddings(model, images, tokens, task):
    visual = model.visual
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(len(x), 1, -1), x], dim=1) + visual.positional_embedding
    x = visual.ln_pre(x)
    for block in visual.transformer.resblocks:
        x = plain_block(block, x, None, task)
    z = visual.ln_post(x[:, 0]) @ visual.proj
    t = model.token_embedding(tokens) + model.positional_embedding
    mask = torch.full((tokens.shape[1], tokens.shape[1]), -torch.inf, dtype=t.dtype).triu(1)
    for block in model.transformer.resblocks:
        t = plain_block(block, t, mask, task)
    w = model.ln_final(t)[torch.arange(len(t)), tokens.argmax(dim=1)] @ model.text_projection
    return F.normalize(z, dim=-1), F.normalize(w, dim=-1)


def test_three_steps_are_adamw_on_the_smoothed_cross_entropy(stream, monkeypatch):
    # Without noise and dropout, and with routers that have no ties, a step is a plain function.
    monkeypatch.setattr(gating.torch, "randn_like", torch.zeros_like)
    task, method = stream.tasks[0].for_training(0), made(stream, dropout=0.0, iterations=3, lr=2e-3)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for block in method.adapters.blocks.values():
            block.router_list[0].normal_(generator=generator)
            for expert in block.adaptmlp_list:
                expert.up_proj.weight.normal_(std=0.5, generator=generator)
    model = method.backbone.copy().model.double()
    images, labels = views(stream.tasks[0].train), torch.from_numpy(task.train.labels)
    batches = [Batch(images[k::4], labels[k::4], torch.arange(6)) for k in range(4)]
    monkeypatch.setattr(type(method.context), "batches", lambda *_args, **_named: iter(batches))
    monkeypatch.setattr(TaskRecognition, "_learn", lambda *_args: 0)
    method.learn(task)

    names = dict(method.adapters._parameters)
    theta = {n: p for n, p in model.named_parameters() if n in names and ".w_noise" not in n}
    for parameter in theta.values():
        parameter.requires_grad_(True)
    state = {n: (torch.zeros_like(p), torch.zeros_like(p), 0) for n, p in theta.items()}
    rested: set[str] = set()
    tokens = tiny_backbone().tokenize(task.labels.first_prompts)
    for k, rate in enumerate([2e-3, 2e-3, 1e-3, 0.0]):  # warm-up of one step, cosine over two, the last at 0
        Z, W = plain_embeddings(model, batches[k].images.double(), tokens, 0)
        log_p = (100.0 * Z @ W.T).log_softmax(dim=1)
        target = 0.8 * F.one_hot(batches[k].labels, 4) + 0.2 / 4
        model.zero_grad()
        (-(target * log_p).sum(dim=1).mean()).backward()
        for n, p in theta.items():
            # An expert that no sequence was sent to has no gradient and is left alone: the dense sum gives
            # zeros, also for the bias of its output, which is never zero for one that works.
            if p.grad is None:
                continue  # routers of other tasks
            expert = n.rpartition("adaptmlp_list.")[0] and n.split(".down_proj")[0].split(".up_proj")[0]
            if expert and not theta[f"{expert}.up_proj.bias"].grad.any():
                rested.add(expert)
                continue
            m, v, count = state[n]
            m, v, count = 0.9 * m + 0.1 * p.grad, 0.999 * v + 0.001 * p.grad**2, count + 1
            state[n] = (m, v, count)
            p.data -= rate * (m / (1 - 0.9**count)) / ((v / (1 - 0.999**count)).sqrt() + 1e-8)
    for n, wanted in theta.items():
        torch.testing.assert_close(names[n], wanted.detach().float(), atol=2e-5, rtol=1e-4, msg=n)
    assert rested  # the sparse case was met
    assert sum(count for _, _, count in state.values()) > 100


def test_learning_fits_the_training_images(stream):
    task, method = stream.tasks[0], made(stream, iterations=25, warmup=2, batch_size=24, lr=2e-2)
    images, truth = views(task.train), torch.from_numpy(task.train.labels)
    before = F.cross_entropy(method.score(images, task.labels), truth)
    method.learn(task.for_training(0))
    assert set(method.decide(images).tolist()) == {0}
    after = F.cross_entropy(method.score(images, task.labels), truth)
    assert after < before / 2


def test_a_task_moves_its_routers_and_the_experts_left_to_it(stream):
    method = learned(stream, tasks=1)
    frozen = {name: set(block.frozen) for name, block in method.adapters.blocks.items()}
    assert all(len(experts) == 2 for experts in frozen.values())
    clip = {n: v.clone() for n, v in method.backbone.model.state_dict().items()}
    before = method.adapters.state_dict()["parameters"]
    method.learn(stream.tasks[1].for_training(1))
    after = method.adapters.state_dict()["parameters"]
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    for n in moved:
        block, _, rest = n.rpartition("resblocks.")[2].partition(".")
        kind, number = rest.split(".")[:2]
        name = f"{n.rpartition('resblocks.')[0]}resblocks.{block}"
        assert (kind in ("router_list", "w_noise_list") and number == "1") or (
            kind == "adaptmlp_list" and int(number) not in frozen[name]
        )
    assert {n for n in before if ".router_list.1" in n} <= moved
    assert any("adaptmlp_list" in n for n in moved)
    adapted = set(before)
    assert all(
        torch.equal(v, clip[n]) for n, v in method.backbone.model.state_dict().items() if n not in adapted
    )


def test_frozen_experts_can_be_switched_off(stream):
    method = learned(stream, tasks=1, frozen_experts=0)
    assert not any(block.frozen for block in method.adapters.blocks.values())


@pytest.mark.parametrize("free", [False, True])
def test_what_is_frozen_may_be_counted_again_or_not(stream, free):
    adapters = made(stream).adapters
    for block in adapters.blocks.values():
        block.frozen, block.usage = {0}, [9, 5, 7, 1]
    adapters.freeze_most_used(2, free=free)
    assert all(b.frozen == ({0, 1, 2} if free else {0, 2}) for b in adapters.blocks.values())


def test_the_load_balance_loss_moves_the_routers(stream):
    usual, balanced = learned(stream, tasks=1), learned(stream, tasks=1, load_balance=10.0)
    routers = [[b.router_list[0] for b in m.adapters.blocks.values()] for m in (usual, balanced)]
    assert any(not torch.equal(a, b) for a, b in zip(*routers, strict=True))


def test_trained_parameters_are_adapters_routers_and_autoencoders(stream, trained):
    adapter, router = 2 * 32 * 4 + 4 + 32, 2 * 32 * 5
    autoencoder = 2 * 128 * 8 + 8 + 128
    first, second = trained.context.measured.trainable_parameters
    assert first == 4 * (5 * adapter + router) + 2 * autoencoder  # the reference data's, too
    assert second == 4 * (3 * adapter + router) + autoencoder


def test_rates_are_by_task(stream):
    rates = {"t0": 5e-3, "t1": 1e-4, "t2": 1e-3}
    method, seen = made(stream, rates=rates), []
    fit = method.context.fit

    def spied(*args, schedule, **named):
        seen.append(max(schedule(k) for k in range(4)))
        fit(*args, schedule=schedule, **named)

    method.context.fit = spied
    for index in (0, 1):
        method.learn(stream.tasks[index].for_training(index))
    assert seen == pytest.approx([5e-3, 1e-4])
    with pytest.raises(ConfigError, match="no learning rate for t1, t2"):
        made(stream, rates={"t0": 5e-3})


# -- the choice of a task ---------------------------------------------------------------------------


def test_images_of_the_tasks_go_to_their_routers(stream, trained):
    for index in (0, 1):
        assert set(trained.decide(views(stream.tasks[index].train)).tolist()) == {index}


def test_a_batch_goes_one_way_and_each_sample_its_own(stream, trained):
    alone = made(stream, inference="per_sample")
    alone.load_state_dict(trained.state_dict())
    first, second = (views(stream.tasks[index].train) for index in (0, 1))
    images = torch.cat([first[alone.decide(first) == 0][:9], second[alone.decide(second) == 1][:3]])
    assert alone.decide(images).tolist() == [0] * 9 + [1] * 3
    assert trained.decide(images).tolist() == [0] * 12
    together = alone.score(images, stream.union)
    apart = torch.cat([alone.score(image[None], stream.union) for image in images])
    torch.testing.assert_close(together, apart, atol=1e-3, rtol=1e-4)
    by_batch = trained.score(images, stream.union)
    torch.testing.assert_close(by_batch[:9], together[:9], atol=1e-3, rtol=1e-4)
    assert float((by_batch[9:] - together[9:]).abs().max()) > 0.1
    own = trained.score(images[9:], stream.union)
    torch.testing.assert_close(own, together[9:], atol=1e-3, rtol=1e-4)


def test_images_above_the_threshold_are_left_to_clip(stream):
    method = learned(stream, threshold=1e-9)
    images = views(stream.tasks[0].test)
    assert set(method.decide(images).tolist()) == {-1}
    torch.testing.assert_close(
        method.score(images, stream.union), clip_logits(images, stream.union), atol=1e-4, rtol=1e-6
    )


def test_images_like_the_reference_data_are_left_to_clip(stream):
    method = learned(stream, tasks=1, reference_iterations=200, autoencoder_iterations=1)
    images = views(method.context.reference.images)
    assert set(method.decide(images).tolist()) == {-1}


@pytest.mark.parametrize("quantile", [0.5, 1.0])
def test_quantile_threshold_is_that_of_the_training_images(stream, quantile):
    method = learned(stream, tasks=1, threshold="quantile", quantile=quantile)
    for key, images in ((0, stream.tasks[0].train), (REFERENCE, method.context.reference.images)):
        entry = method.recognition.selector._entries[key]
        errors = entry.autoencoder.errors(method.recognition._features(views(images))).double()
        wanted = errors.max() if quantile == 1.0 else errors.median() + (errors.sort()[0][len(errors) // 2])
        if quantile == 0.5:  # between the two in the middle
            wanted = wanted / 2
        assert entry.threshold == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize("augment", [True, False])
def test_autoencoders_see_random_crops_or_the_test_view(stream, augment, monkeypatch):
    seen = []

    def spied(_autoencoder, inputs, **_named):
        seen.append(next(inputs))

    monkeypatch.setattr(recognition, "train_autoencoder", spied)
    method = made(stream, autoencoder_augment=augment)
    images = stream.tasks[0].train
    method.recognition.learn_task(stream.tasks[0].for_training(0))
    wanted = method.recognition._features(views(images))
    near = torch.cdist(seen[0], wanted).min(dim=1).values
    assert seen[0].shape == (12, 128)
    assert bool((near < 1e-4).all()) is not augment


def test_class_embeddings_are_forgotten_when_experts_move(stream):
    method = learned(stream, tasks=1)
    images = views(stream.tasks[0].train)
    before = method.score(images, stream.union)
    assert torch.equal(method.score(images, stream.union), before)
    method.learn(stream.tasks[1].for_training(1))
    after = method.score(images, stream.union)
    assert not torch.equal(before, after)  # experts that are not frozen moved
    again = made(stream)
    again.load_state_dict(method.state_dict())
    assert torch.equal(again.score(images, stream.union), after)


def test_mixed_precision_learns_and_scores_nearly_the_same(stream):
    method = made(stream)
    method.context.precision = "bf16"
    method.learn(stream.tasks[0].for_training(0))
    images = views(stream.tasks[0].train)
    exact = method.score(images, stream.union)
    method.load_state_dict(method.state_dict())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(method.decide(images), torch.zeros(24, dtype=torch.int64))
        narrow = method.score(images, stream.union)
    torch.testing.assert_close(narrow, exact, atol=2.0, rtol=0)  # of logits up to 100


def test_a_task_beyond_the_routers_is_refused(stream):
    with pytest.raises(MethodError, match="routers for 3"):
        made(stream).learn(stream.tasks[0].for_training(3))


# -- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"warmup": 2000}, "warms up for 2000"),
        ({"experts": 3, "top_k": 4}, "top_k = 4"),
        ({"experts": 3, "frozen_experts": 4}, "frozen_experts = 4"),
    ],
)
def test_settings_that_cannot_work_together(bad, message):
    MoEAdapters.check(MoEAdaptersSettings())
    with pytest.raises(ConfigError, match=message):
        MoEAdapters.check(MoEAdaptersSettings(**bad))


def test_all_mistakes_are_told_together():
    with pytest.raises(ConfigError) as caught:
        MoEAdapters.check(MoEAdaptersSettings(warmup=2000, experts=1))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    "bad",
    [
        {"lr": -1},
        {"rates": {"a": 0}},
        {"threshold": "median"},
        {"threshold": 0},
        {"quantile": 1.5},
        {"lam": 1},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        MoEAdaptersSettings(**bad)


@pytest.mark.parametrize(
    ("stream", "iterations", "rates"),
    [
        ("mtil", 1000, (5e-3, 1e-3, 5e-3, 1e-3, 1e-4, 1e-3, 1e-3, 1e-4, 1e-3, 1e-3, 1e-3)),
        ("mtil-5shot", 500, (8e-3, 5e-4, 2e-4, 5e-3, 1e-3, 1e-3, 1e-2, 1e-4, 1e-2, 1e-2, 1e-2)),
    ],
)
def test_rates_are_those_of_order_one(stream, iterations, rates):
    """Of the authors' two scripts, which list the data sets in that order."""
    (spec,) = plugin.clbench_methods()
    values = usual_preset(spec, stream).settings
    assert tuple(values["rates"].values()) == rates
    assert values["iterations"] == iterations

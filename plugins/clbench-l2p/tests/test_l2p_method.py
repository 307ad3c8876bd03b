"""L2P on the tiny stream, held to a plain float64 implementation written from the formulas."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from clbench import ConfigError, LabelSpace, MethodError
from clbench.models import text_classifier, text_features
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_stream
from clbench_l2p.method import L2P, L2PVote
from clbench_l2p.settings import L2PSettings
from clbench_l2p.vision import PromptedTower
from pydantic import ValidationError
from torch import Tensor

QUICK = {"pool_size": 5, "length": 2, "top_k": 2, "iterations": 3, "batch_size": 8, "lr": 0.01}
STREAM = tiny_stream(tasks=3)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def l2p(kind=L2P, seed: int = 0, **changes) -> L2P:
    context = tiny_context(STREAM, seed=seed)
    return kind(tiny_backbone(), L2PSettings(**QUICK | changes), context)


def learn(method: L2P, tasks: int = 1) -> L2P:
    for task in TASKS[:tasks]:
        method.context.begin(f"{task.index}:{task.key}")
        method.learn(task)
    return method


def images(task: int = 0) -> Tensor:
    preprocessing = tiny_backbone().preprocessing
    return preprocessing.normalise(torch.from_numpy(STREAM.tasks[task].test.pixels(preprocessing).copy()))


# -- the plain implementation ---------------------------------------------------------------------------


def plain_attention(x: Tensor, layer: torch.nn.MultiheadAttention) -> Tensor:
    q, k, v = (x @ layer.in_proj_weight.T + layer.in_proj_bias).chunk(3, dim=-1)
    h = x.shape[-1] // layer.num_heads
    heads = []
    for i in range(layer.num_heads):
        part = slice(i * h, (i + 1) * h)
        weights = (q[..., part] @ k[..., part].transpose(-1, -2) / math.sqrt(h)).softmax(dim=-1)
        heads.append(weights @ v[..., part])
    return torch.cat(heads, dim=-1) @ layer.out_proj.weight.T + layer.out_proj.bias


def plain_embedding(visual, x: Tensor, prompts: Tensor | None, pooling: str = "class") -> Tensor:
    """CLIP's vision tower in float64, prompts *behind* its own tokens: without positions it is the same."""
    patches = visual.conv1(x).flatten(2).transpose(1, 2)
    tokens = torch.cat([visual.class_embedding.expand(len(x), 1, -1), patches], dim=1)
    tokens = visual.ln_pre(tokens + visual.positional_embedding)
    own = tokens.shape[1]
    if prompts is not None:
        tokens = torch.cat([tokens, prompts], dim=1)
    for block in visual.transformer.resblocks:
        tokens = tokens + plain_attention(block.ln_1(tokens), block.attn)
        tokens = tokens + block.mlp(block.ln_2(tokens))
    tokens = visual.ln_post(tokens)
    pooled = tokens[:, 0] if pooling == "class" else tokens[:, own:].mean(dim=1)
    return F.normalize(pooled @ visual.proj, dim=-1)


def plain_losses(settings: L2PSettings, prompts: Tensor, keys: Tensor, own: list[int] | None, batch):
    """Cross-entropy and pull of a batch of the first task, float64, with gradient to prompts and keys."""
    backbone = tiny_backbone()
    visual = backbone.model.visual.double()
    x, y = batch.images.double(), batch.labels.tolist()
    with torch.no_grad():
        W = text_features(backbone, TASKS[0].labels.first_prompts).double()
        q = plain_embedding(visual, x, None)
    near = q @ (keys / keys.norm(dim=1, keepdim=True)).T
    order = [sorted(range(len(keys)), key=lambda i, row=row: -float(row[i])) for row in near.detach()]
    picks = [own or nearest[: settings.top_k] for nearest in order]
    tokens = torch.stack([torch.cat([prompts[i] for i in pick]) for pick in picks])
    Z = plain_embedding(visual, x, tokens, settings.pooling)
    log_p = torch.log_softmax(float(backbone.scale.detach()) * Z @ W.T, dim=-1)
    loss = -sum(log_p[i, label] for i, label in enumerate(y)) / len(y)
    pull = sum(1 - near[i, j] for i, pick in enumerate(picks) for j in pick) / len(y)
    return loss, settings.pull * pull


def plain_training(method: L2P, own: list[int] | None, batches) -> tuple[Tensor, Tensor]:
    """Prompts and keys after Adam on the losses, from a method that has not learned yet."""
    settings = method.settings
    theta = [p.detach().double().clone().requires_grad_() for p in (method.pool.prompts, method.pool.keys)]
    m, v = ([torch.zeros_like(p) for p in theta] for _ in range(2))
    for t, batch in enumerate(batches, start=1):
        gradients = torch.autograd.grad(sum(plain_losses(settings, *theta, own, batch)), theta)
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
        if settings.clip:
            gradients = [g * min(1.0, settings.clip / (norm + 1e-6)) for g in gradients]
        with torch.no_grad():
            for p, g, first, second in zip(theta, gradients, m, v, strict=True):
                first.mul_(0.9).add_(0.1 * g)
                second.mul_(0.999).add_(0.001 * g * g)
                p -= settings.lr * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
    return theta[0].detach(), theta[1].detach()


@pytest.mark.parametrize("clip", [0.0, 1.0, 1e6])
def test_losses_and_clipped_gradients_against_the_formulas(clip):
    """Adam hides the scale of a gradient, so it is looked at before Adam."""
    method = l2p(clip=clip, pull=0.7)
    batch = next(method.context.batches(TASKS[0].train, 8, name="train", augment=True))
    theta = [p.detach().double().clone().requires_grad_() for p in (method.pool.prompts, method.pool.keys)]
    losses = plain_losses(method.settings, *theta, [0, 1], batch)
    gradients = torch.autograd.grad(sum(losses), theta)
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
    assert norm > 1.5
    shrink = 1.0 / norm if clip == 1.0 else 1.0

    def fit(_task, parameters, step, *, before_optimizer, **_rest):
        found = step(0, batch)
        assert float(found["cross-entropy"].detach()) == pytest.approx(float(losses[0].detach()), rel=1e-5)
        assert float(found["pull"].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-5)
        sum(found.values()).backward()
        before_optimizer(0)
        for p, g in zip(parameters, gradients, strict=True):
            torch.testing.assert_close(p.grad.double(), shrink * g, rtol=1e-3, atol=1e-5 * norm * shrink)

    method.context.fit = fit
    method.learn(TASKS[0])


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({"augment": False}, [0, 1]),
        ({"augment": True, "diversify": "none"}, None),
        ({"augment": False, "diversify": "none", "pooling": "prompt", "clip": 0.0, "pull": 2.0}, None),
    ],
    ids=["own prompts", "nearest keys", "pooled from prompts"],
)
def test_training_against_the_formulas(changes, own):
    method = l2p(**changes)
    method.context.begin("0:t0")
    stream = method.context.batches(TASKS[0].train, 8, name="train", augment=method.settings.augment)
    prompts, keys = plain_training(method, own, [next(stream) for _ in range(3)])
    before = method.pool.prompts.detach().clone()
    learn(method)
    moved = float((prompts - before).abs().max())
    assert moved > 0.01
    torch.testing.assert_close(method.pool.prompts.detach().double(), prompts, rtol=0, atol=2e-3 * moved)
    torch.testing.assert_close(method.pool.keys.detach().double(), keys, rtol=0, atol=2e-3 * moved)


@pytest.mark.parametrize("pooling", ["class", "prompt"])
def test_tower_against_a_plain_one(pooling):
    prompts = torch.randn(12, 3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        Z = PromptedTower(tiny_backbone()).encode(images(), prompts, pooling=pooling)
        wanted = plain_embedding(
            tiny_backbone().model.visual.double(), images().double(), prompts.double(), pooling
        )
    torch.testing.assert_close(F.normalize(Z, dim=-1).double(), wanted, rtol=0, atol=1e-5)


def test_tower_without_prompts_is_clip():
    backbone = tiny_backbone()
    with torch.no_grad():
        Z = PromptedTower(backbone).encode(images(), torch.zeros(12, 0, 32))
        torch.testing.assert_close(Z, backbone.encode_image(images()), rtol=0, atol=1e-5)


def test_scores_against_a_plain_implementation():
    method = learn(l2p(diversify="none"), 2)
    visual = tiny_backbone().model.visual.double()
    pool = method.pool
    with torch.no_grad():
        q = plain_embedding(visual, images().double(), None)
        near = q @ F.normalize(pool.keys.double(), dim=-1).T
        chosen = near.argsort(dim=1, descending=True)[:, :2]
        Z = plain_embedding(visual, images().double(), pool.prompts.double()[chosen].flatten(1, 2))
        wanted = 100.0 * Z @ text_classifier(tiny_backbone(), STREAM.union).double().T
    torch.testing.assert_close(method.score(images(), STREAM.union).double(), wanted, rtol=0, atol=1e-3)


# -- what it says it does -------------------------------------------------------------------------------


def test_before_the_first_task_it_is_clip():
    backbone = tiny_backbone()
    with torch.no_grad():
        Z = F.normalize(backbone.encode_image(images()), dim=-1)
        wanted = 100.0 * Z @ text_classifier(backbone, STREAM.union).T
    torch.testing.assert_close(l2p().score(images(), STREAM.union), wanted, rtol=0, atol=1e-3)


def test_the_backbone_stays_as_it_is_and_prompts_and_keys_are_what_is_trained():
    method = learn(l2p(), 2)
    pristine = tiny_backbone().model.state_dict()
    assert all(torch.equal(v, pristine[n]) for n, v in method.backbone.model.state_dict().items())
    assert method.context.measured.trainable_parameters == [5 * 2 * 32 + 5 * 16] * 2


def test_with_a_mask_only_the_tasks_own_prompts_move():
    method = learn(l2p(warm_start=False))
    fresh = l2p().pool
    assert torch.equal(method.pool.prompts[2:], fresh.prompts[2:])
    assert torch.equal(method.pool.keys[2:], fresh.keys[2:])
    assert not torch.equal(method.pool.prompts[:2], fresh.prompts[:2])
    first = method.pool.prompts[:2].detach().clone()
    method.context.begin("1:t1")
    method.learn(TASKS[1])
    assert torch.equal(method.pool.prompts[:2], first)
    assert method.pool.counts.tolist() == [24, 24, 24, 24, 0]


def test_a_task_without_prompts_of_its_own_takes_the_nearest():
    method = learn(l2p(), 3)
    assert int(method.pool.counts.sum()) == 3 * 24 * 2


def test_warm_start_begins_where_the_task_before_ended():
    warm, cold = learn(l2p(), 2), learn(l2p(warm_start=False), 2)
    drift = [float((m.pool.prompts[2:4] - m.pool.prompts[:2]).detach().norm()) for m in (warm, cold)]
    assert torch.equal(warm.pool.prompts[:2], cold.pool.prompts[:2])
    assert drift[0] < drift[1]


def test_pulled_keys_come_closer_to_the_queries():
    def nearness(pull: float) -> float:
        method = learn(l2p(pull=pull, iterations=12, clip=0.0, augment=False))
        queries = method.context.initial_features(TASKS[0].train)
        return float(method.pool.cosines(queries)[:, :2].mean().detach())

    assert nearness(5.0) > nearness(0.0) + 0.1


def test_training_lowers_the_loss():
    method = learn(l2p(iterations=40, augment=False))
    X = method.backbone.preprocessing.normalise(
        torch.from_numpy(TASKS[0].train.pixels(method.backbone.preprocessing).copy())
    )
    y = torch.from_numpy(TASKS[0].train.labels)

    def loss(one: L2P) -> float:
        return float(F.cross_entropy(one.score(X, TASKS[0].labels), y))

    assert loss(method) < 0.8 * loss(l2p())


def test_a_vote_gives_all_images_of_a_batch_the_same_prompts():
    single, vote = learn(l2p(diversify="none"), 2), l2p(L2PVote, diversify="none")
    vote.load_state_dict(single.state_dict())
    with torch.no_grad():
        single.pool.keys.uniform_(-1, 1, generator=torch.Generator().manual_seed(3))
        vote.pool.keys.copy_(single.pool.keys)
        near = vote.pool.cosines(vote._queries(images()))
    chosen = vote._choose(near)
    assert len({tuple(row) for row in chosen.tolist()}) == 1
    assert len({tuple(row) for row in single._choose(near).tolist()}) > 1
    assert torch.allclose(  # of one image the vote is its own choice
        vote.score(images()[:1], STREAM.union), single.score(images()[:1], STREAM.union), atol=1e-4
    )


def test_epochs_count_the_steps():
    steps = []
    method = l2p(iterations=None, epochs=2)
    method.context._progress = lambda phase, done, total, _loss: steps.append((phase, done, total))
    learn(method)
    assert steps[-1] == ("learn", 6, 6)


def test_first_template_alone():
    one, other = learn(l2p()), learn(l2p(test_templates="first"))
    labels = STREAM.union
    alone = LabelSpace(labels.classes, tuple(t[:1] for t in labels.templates))
    torch.testing.assert_close(other.score(images(), labels), one.score(images(), alone))
    assert not torch.allclose(one.score(images(), labels), other.score(images(), labels), atol=1e-3)


@pytest.mark.parametrize(("kind", "name"), [(L2P, "l2p"), (L2PVote, "l2p-vote")])
def test_more_prompts_than_the_pool_has_are_refused(kind, name):
    with pytest.raises(ConfigError, match=f"{name} cannot choose top_k=6 of a pool of 5 prompts") as caught:
        kind.check(L2PSettings(pool_size=5, top_k=6))
    assert f"--set {name}.pool_size=30" in caught.value.fix


@pytest.mark.parametrize(
    "bad", [{"lr": 0.0}, {"length": 0}, {"pull": -1.0}, {"diversify": "often"}, {"iterations": 0}]
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValidationError):
        L2PSettings(**bad)


def test_other_vision_towers_are_refused():
    backbone = tiny_backbone()
    backbone.model.visual = torch.nn.Identity()
    with pytest.raises(MethodError, match="cannot put prompts into the vision tower") as caught:
        PromptedTower(backbone)
    assert "ViT-B-16" in caught.value.fix

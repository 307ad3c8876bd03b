"""Seven steps of CLIP-KD equal a plain loop written from the formulas.

The plain loop shares nothing with the method: the teacher runs at every step, texts have their full context,
InfoNCE's gradients come from autograd, and Adam is spelled out.
"""

from __future__ import annotations

import math
from itertools import cycle

import pytest
import torch
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_stream
from clbench_clip_kd.method import ClipKD
from clbench_clip_kd.settings import ClipKDSettings

STEPS, WARMUP, RATE, SMOOTHING = 7, 2, 1e-3, 0.2


class Fed(ClipKD):
    """CLIP-KD on given batches."""

    target: list
    reference: list

    def _target_batches(self, task):
        return cycle(self.target)

    def _reference_batches(self):
        return cycle(self.reference)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path))


def unit(x):
    return x / (x * x).sum(-1, keepdim=True).sqrt()


def log_softmax(x):
    return x - x.logsumexp(-1, keepdim=True)


def matched(logits):
    return -log_softmax(logits).diagonal().mean()


def both(loss, x, y):
    return (loss(x) + loss(y)) / 2


def divergence(teacher, student):
    p = log_softmax(teacher)
    return (p.exp() * (p - log_softmax(student))).sum(-1).mean()


def gradients(x, y, s, *, create_graph):
    """Of InfoNCE with respect to both sides, in both directions."""
    return [
        g
        for logits in (s * x @ y.T, s * y @ x.T)
        for g in torch.autograd.grad(matched(logits), (x, y), create_graph=create_graph)
    ]


def pair_loss(U, V, A, B, s, weights, learned):
    c = learned["cross_log_scale"].exp()
    loss = weights["contrastive"] * both(matched, s * U @ V.T, s * V @ U.T)
    loss = loss + weights["crd"] * (
        (divergence(s * A @ B.T, s * U @ V.T) + divergence(s * B @ A.T, s * V @ U.T)) / 2
    )
    loss = loss + weights["fd"] * (((U - A) ** 2).mean() + ((V - B) ** 2).mean())
    loss = loss + weights["icl"] * both(matched, c * U @ B.T, c * V @ A.T)
    if weights.get("afd"):
        images, texts = (
            unit(torch.cat([x, t], dim=1) @ learned[f"fusion.{k}.weight"].T + learned[f"fusion.{k}.bias"])
            for x, t, k in ((U, A, "images"), (V, B, "texts"))
        )
        f = learned["fusion_log_scale"].exp()
        loss = loss + weights["afd"] * both(matched, f * images @ texts.T, f * texts @ images.T)
    if weights.get("gd"):
        theirs = gradients(A.requires_grad_(), B.requires_grad_(), s, create_graph=False)
        ours = gradients(U, V, s, create_graph=True)
        for g, h in zip(ours, theirs, strict=True):
            loss = loss + weights["gd"] * ((g - h) ** 2).mean()
    return loss


def plain_loop(method, prompts, captions, weights, learned):
    """Final weights by name, for all but the logit scale."""
    model, teacher = tiny_backbone().model, tiny_backbone().model
    tokenize = method.backbone.tokenize
    theta = {n: p for n, p in model.named_parameters() if n != "logit_scale"}
    learned = {n: p.detach().clone().requires_grad_() for n, p in learned.items()}
    everything = theta | learned
    first, second = ({n: torch.zeros_like(p) for n, p in everything.items()} for _ in range(2))
    s = math.exp(model.logit_scale.item())
    for k in range(STEPS):
        x, r = method.target[k % len(method.target)], method.reference[k % len(method.reference)]
        W = unit(model.encode_text(tokenize(prompts)))
        log_p = log_softmax(s * unit(model.encode_image(x.images)) @ W.T)
        picked = log_p[torch.arange(len(x)), x.labels].mean()
        loss = -(1 - SMOOTHING) * picked - SMOOTHING * log_p.mean()
        tokens = tokenize([captions[i] for i in r.indices.tolist()])
        with torch.no_grad():
            A, B = unit(teacher.encode_image(r.images)), unit(teacher.encode_text(tokens))
        U, V = unit(model.encode_image(r.images)), unit(model.encode_text(tokens))
        loss = loss + pair_loss(U, V, A, B, s, weights, learned)
        slopes = dict(zip(everything, torch.autograd.grad(loss, everything.values()), strict=True))
        if k < WARMUP:
            rate = RATE * (k + 1) / WARMUP
        else:
            rate = RATE * 0.5 * (1 + math.cos(math.pi * (k - WARMUP) / (STEPS - 1 - WARMUP)))
        with torch.no_grad():
            for n, p in everything.items():
                first[n] = 0.9 * first[n] + 0.1 * slopes[n]
                second[n] = 0.999 * second[n] + 0.001 * slopes[n] ** 2
                m, v = first[n] / (1 - 0.9 ** (k + 1)), second[n] / (1 - 0.999 ** (k + 1))
                p -= rate * m / (v.sqrt() + 1e-8)
    return {n: p.detach() for n, p in theta.items()}


@pytest.mark.parametrize(
    "weights",
    [
        {"contrastive": 1.0, "crd": 1.0, "fd": 2000.0, "icl": 1.0},
        {"contrastive": 0.5, "crd": 2.0, "fd": 100.0, "icl": 3.0, "afd": 1.0, "gd": 0.1},
    ],
    ids=["the paper's recipe", "other weights, fusion, gradients"],
)
def test_seven_steps_equal_the_plain_loop(weights, monkeypatch):
    stream = tiny_stream(tasks=2)
    task = stream.tasks[0].for_training(0)
    settings = ClipKDSettings(
        iterations=STEPS - 1, warmup=WARMUP, lr=RATE, label_smoothing=SMOOTHING, **weights
    )
    context = tiny_context(stream)
    method = Fed(tiny_backbone(), settings, context)
    drawn = context.batches(task.train, 9, name="given", augment=True)
    method.target = [next(drawn) for _ in range(STEPS)]
    drawn = context.batches(context.reference.images, 7, name="given too")
    method.reference = [next(drawn) for _ in range(STEPS)]
    learned: dict[str, torch.Tensor] = {}

    class Watched(method_module().Objective):
        def __init__(self, *args):
            super().__init__(*args)
            learned.update({n: p.detach().clone() for n, p in self.named_parameters()})

    monkeypatch.setattr(method_module(), "Objective", Watched)
    method.learn(task)

    expected = plain_loop(method, task.labels.first_prompts, context.reference.texts, weights, learned)
    start = tiny_backbone().model.state_dict()
    moved = 0.0
    for name, parameter in method.backbone.trainable():
        ours, theirs = parameter.detach(), expected[name]
        if name.endswith("in_proj_bias"):
            # The gradient of the key bias is zero but for rounding, which Adam blows up to full steps.
            ours, theirs = (torch.cat([x.chunk(3)[0], x.chunk(3)[2]]) for x in (ours, theirs))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
        moved = max(moved, float((parameter.detach() - start[name]).abs().max()))
    assert moved > 1e-3  # a hundred times the tolerance


def method_module():
    from clbench_clip_kd import method

    return method

"""Seven steps of ZSCL equal a plain loop written from the formulas.

The plain loop shares nothing with the method: the teacher runs at every step, texts have their full
context, the L2 term is differentiated, Adam and the running mean are spelled out.
"""

from __future__ import annotations

import math

import pytest
import torch
from clbench.testing import learn_given, tiny_backbone

# At a low rate AdamW does not enlarge the rounding of gradients near zero.
STEPS, WARMUP, INTERVAL, RATE, SMOOTHING, T = 7, 2, 3, 2e-4, 0.2, 2.0
PROMPTS = [f"a photo of a {name}." for name in ("circle", "square", "stripe", "cross")]
CAPTIONS = [f"a picture of thing {i}, which may be {'very ' * (i % 5)}large" for i in range(20)]


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / (x * x).sum(-1, keepdim=True).sqrt()


def log_softmax(x: torch.Tensor) -> torch.Tensor:
    return x - x.logsumexp(-1, keepdim=True)


def soft_cross_entropy(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    return -T * T * (log_softmax(teacher / T).exp() * log_softmax(student / T)).sum(-1).mean()


def without_diagonal(x: torch.Tensor) -> torch.Tensor:
    n = len(x)
    return x[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)


def plain_loop(target, reference, image_weight=1.0, text_weight=1.0, l2=1.0, mse=0.0, similarity=0.0):
    """(final live weights, their mean along the training), by name, for all but the logit scale."""
    model, teacher = tiny_backbone().model, tiny_backbone().model
    tokenize = tiny_backbone().tokenize
    theta = {n: p for n, p in model.named_parameters() if n != "logit_scale"}
    start = {n: p.detach().clone() for n, p in theta.items()}
    mean = {n: p.clone() for n, p in start.items()}
    first, second = ({n: torch.zeros_like(p) for n, p in start.items()} for _ in range(2))
    s, merges = math.exp(model.logit_scale.item()), 0
    for k in range(STEPS):
        (x, labels), r = target[k % len(target)], reference[k % len(reference)]
        W = unit(model.encode_text(tokenize(PROMPTS)))
        log_p = log_softmax(s * unit(model.encode_image(x)) @ W.T)
        picked = log_p[torch.arange(len(x)), labels].mean()
        loss = -(1 - SMOOTHING) * picked - SMOOTHING * log_p.mean()
        with torch.no_grad():
            W_ref, Z_ref = unit(teacher.encode_text(tokenize(CAPTIONS))), unit(teacher.encode_image(r))
        Z = unit(model.encode_image(r))
        Q, P = s * Z_ref @ W_ref.T, s * Z @ W_ref.T
        loss = loss + image_weight * soft_cross_entropy(Q, P) + text_weight * soft_cross_entropy(Q.T, P.T)
        loss = loss + l2 * sum((p - start[n]).square().sum() for n, p in theta.items())
        loss = loss + mse * (Z - Z_ref).square().sum() / Z.numel()
        alike = (without_diagonal(s * Z_ref @ Z_ref.T), without_diagonal(s * Z @ Z.T))
        loss = loss + similarity * soft_cross_entropy(*alike)
        gradients = dict(zip(theta, torch.autograd.grad(loss, theta.values()), strict=True))
        if k < WARMUP:
            rate = RATE * (k + 1) / WARMUP
        else:
            rate = RATE * 0.5 * (1 + math.cos(math.pi * (k - WARMUP) / (STEPS - 1 - WARMUP)))
        with torch.no_grad():
            for n, p in theta.items():
                first[n] = 0.9 * first[n] + 0.1 * gradients[n]
                second[n] = 0.999 * second[n] + 0.001 * gradients[n] ** 2
                m, v = first[n] / (1 - 0.9 ** (k + 1)), second[n] / (1 - 0.999 ** (k + 1))
                p -= rate * m / (v.sqrt() + 1e-8)
            if k % INTERVAL == 0:
                merges += 1
                for n, p in theta.items():
                    mean[n] = (merges * mean[n] + p) / (merges + 1)
    assert merges == 3
    return {n: p.detach() for n, p in theta.items()}, mean


@pytest.mark.parametrize(
    ("image_weight", "text_weight", "l2", "ensemble", "mse", "similarity"),
    [(1.0, 1.0, 1.0, True, 0.0, 0.0), (0.5, 2.0, 20.0, False, 0.0, 0.0), (0.0, 0.0, 0.0, False, 5.0, 0.7)],
    ids=["the paper's", "other weights, no ensemble", "the ablations' losses"],
)
def test_seven_steps_equal_the_plain_loop(image_weight, text_weight, l2, ensemble, mse, similarity):
    random = torch.Generator().manual_seed(0)

    def images(count: int) -> torch.Tensor:
        return torch.randn(count, 3, 16, 16, generator=random)

    target = [(images(n), torch.randint(4, (n,), generator=random)) for n in (9, 9, 6, 9, 9)]
    reference = [images(7) for _ in range(STEPS)]
    method = learn_given(
        "zscl", tiny_backbone(), batches=target, prompts=PROMPTS, reference=reference,
        reference_texts=CAPTIONS,
        settings={
            "iterations": STEPS - 1, "warmup": WARMUP, "lr": RATE, "label_smoothing": SMOOTHING,
            "temperature": T, "image_weight": image_weight, "text_weight": text_weight, "l2": l2,
            "ensemble": ensemble, "ensemble_interval": INTERVAL, "feature_mse": mse,
            "image_similarity": similarity,
        },
    )  # fmt: skip
    live, mean = plain_loop(target, reference, image_weight, text_weight, l2, mse, similarity)
    expected = mean if ensemble else live
    start = tiny_backbone().model.state_dict()
    moved = 0.0
    for name, parameter in method.backbone.trainable():
        ours, theirs = parameter.detach(), expected[name]
        if name.endswith("in_proj_bias"):
            # The gradient of the key bias is zero but for rounding, which Adam blows up to full steps.
            ours, theirs = (torch.cat([x.chunk(3)[0], x.chunk(3)[2]]) for x in (ours, theirs))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")
        moved = max(moved, float((parameter.detach() - start[name]).abs().max()))
    assert moved > 2e-4  # twenty times the tolerance

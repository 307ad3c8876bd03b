"""The reference rows against computations of their own."""

import numpy as np
import pytest
import torch
from clbench.streams import LabelSpace
from clbench.testing.doubles import tiny_context, tiny_stream
from clbench_baselines.references import PixelNeighbour, Ridge, leave_one_out_errors
from clbench_baselines.settings import PixelNeighbourSettings, RidgeSettings


def test_leave_one_out_errors_are_those_of_leaving_one_out() -> None:
    generator = torch.Generator().manual_seed(3)
    X = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    Y = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    strengths = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    expected = []
    for strength in strengths:
        errors = []
        for i in range(len(X)):
            kept = torch.arange(len(X)) != i
            A = X[kept].T @ X[kept] + strength * torch.eye(4, dtype=torch.float64)
            errors.append(Y[i] - X[i] @ torch.linalg.solve(A, X[kept].T @ Y[kept]))
        expected.append(torch.stack(errors).square().mean())
    torch.testing.assert_close(leave_one_out_errors(X, Y, strengths), torch.stack(expected))


@pytest.mark.parametrize("likeness", ["correlation", "squared-difference"])
def test_the_nearest_training_image_decides(likeness: str) -> None:
    context = tiny_context()
    task = tiny_stream().tasks[0]
    view = context.initial.preprocessing
    method = PixelNeighbour(
        context.initial.copy(), PixelNeighbourSettings(size=64, likeness=likeness), context
    )
    context.begin("0")
    method.learn(task.for_training(0))
    train = np.stack([view.to_pixels(task.train.image(i)) for i in range(len(task.train))])
    test = np.stack([view.to_pixels(task.test.image(i)) for i in range(len(task.test))])
    labels = LabelSpace.of(task.classes, task.templates)
    found = method.score(view.normalise(torch.from_numpy(test)), labels).numpy()
    rows, kept = (x.reshape(len(x), -1) / 255.0 for x in (test.astype(float), train.astype(float)))
    if likeness == "correlation":
        alike = np.corrcoef(rows, kept)[: len(rows), len(rows) :]
    else:
        alike = -((rows[:, None] - kept[None]) ** 2).mean(2)
    expected = np.stack([alike[:, task.train.labels == c].max(1) for c in range(len(labels))], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ridge_is_the_solution_of_its_normal_equations_and_knows_no_other_class() -> None:
    context = tiny_context()
    task = tiny_stream().tasks[0]
    method = Ridge(context.initial.copy(), RidgeSettings(strengths=(0.5,)), context)
    context.begin("0")
    method.learn(task.for_training(0))
    view = context.initial.preprocessing
    test = torch.from_numpy(np.stack([view.to_pixels(task.test.image(i)) for i in range(len(task.test))]))
    X = np.c_[context.initial_features(task.train).double().numpy(), np.ones(len(task.train))]
    Z = np.c_[context.initial_features(task.test).double().numpy(), np.ones(len(task.test))]
    Y = np.eye(len(task.classes))[task.train.labels]
    expected = Z @ np.linalg.solve(X.T @ X + 0.5 * np.eye(X.shape[1]), X.T @ Y)
    labels = LabelSpace.of((*task.classes, "nothing like it"), task.templates)
    found = method.score(view.normalise(test), labels).numpy()
    np.testing.assert_allclose(found[:, :-1], expected, atol=1e-4)
    assert (found[:, -1] < found[:, :-1].min()).all()

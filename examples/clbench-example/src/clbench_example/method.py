"""L2-SP: cross-entropy + α/2 · ‖θ - θ₀‖², where θ₀ are the pre-trained weights."""

import torch
from clbench import Batch, FineTuning, TrainingTask
from clbench.methods import Losses, cosine

from clbench_example.settings import L2SPSettings


class L2SP(FineTuning):
    """Fine-tuning of all weights, each pulled to where the pre-trained model has it."""

    settings: L2SPSettings

    def learn(self, task: TrainingTask) -> None:
        settings = self.settings
        theta = [parameter for _, parameter in self.backbone.trainable()]
        theta_0 = [parameter for _, parameter in self.context.initial.trainable()]

        def step(_k: int, batch: Batch) -> Losses:
            distances = [(p - p_0).square().sum() for p, p_0 in zip(theta, theta_0, strict=True)]
            return {
                "cross-entropy": self.task_loss(batch, task.labels),
                "pull": settings.alpha / 2 * torch.stack(distances).sum(),
            }

        self.context.fit(
            task,
            theta,
            step,
            steps=settings.iterations,
            schedule=cosine(settings.lr * task.rate_scale, final=0.0, steps=settings.iterations),
            batch_size=settings.batch_size,
            state=(),  # the steps change nothing but theta
        )
        self.weights_changed()

"""What GIFT's authors tried in place of their contrastive distillation."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from clbench_gift.losses import tempered

__all__ = ["feature_distillation", "reverse_distillation"]


def reverse_distillation(
    teacher_logits: Tensor, student_logits: Tensor, temperature: float = 2.0
) -> tuple[Tensor, Tensor]:
    """Pull the student's similarities to where the teacher sees any: ``T² KL(student ‖ teacher)``.

    The divergence of contrastive distillation with the roles exchanged (``--kl_div`` in the authors' code),
    mean over rows: over the prompts for each image, and over the images for each prompt.

    Args:
        teacher_logits, student_logits: (images, prompts); the teacher gets no gradient.
        temperature: T > 0.

    Returns:
        The image half and the text half, scalars; zero where the two agree.

    Raises:
        ValueError: shapes differ or the temperature is not positive.
    """
    teacher, student = tempered(teacher_logits, student_logits, temperature)
    image, text = (
        F.kl_div(q.log_softmax(dim=1), p.log_softmax(dim=1), reduction="batchmean", log_target=True)
        for q, p in ((teacher, student), (teacher.T, student.T))
    )
    return image * temperature**2, text * temperature**2


def feature_distillation(
    images: Tensor, teacher_images: Tensor, texts: Tensor, teacher_texts: Tensor
) -> tuple[Tensor, Tensor]:
    """Pull the student's embeddings to the teacher's: mean squared errors of images and of prompts.

    ``--feature_mse`` in the authors' code: the mean runs over the batch and the embedding's dimensions.

    Args:
        images, texts: the student's unit vectors, (batch, d).
        teacher_images, teacher_texts: the teacher's of the same; they get no gradient.

    Returns:
        The image half and the text half, scalars.
    """
    return F.mse_loss(images, teacher_images.detach()), F.mse_loss(texts, teacher_texts.detach())

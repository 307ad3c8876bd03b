"""L2P (Wang et al., CVPR 2022) for CLIP: each image finds its prompts in a pool by keys.

Both towers of CLIP are frozen. A pool holds prompts for the vision tower, each with a key. An image's query
is its embedding by the frozen tower; the prompts whose keys are nearest to it go before its tokens. Prompts
and keys are trained by cross-entropy against the frozen text embeddings of the task's classes, and a pull of
the chosen keys to the query. The pool is shared by all tasks, and at test nothing tells whose image it is.

The paper has a Vision Transformer with a trained linear classifier; this is the form it takes in CLIP: the
class prompts are the classifier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from clbench import Backbone, Batch, Context, LabelSpace, Method, TrainingTask
from clbench.methods import Losses, Settings, constant
from clbench.models import text_classifier, text_features
from clbench.models.features import cosines
from clbench.models.remembering import Remembered
from torch import Tensor

from clbench_l2p.pool import PromptPool, majority
from clbench_l2p.settings import L2PSettings
from clbench_l2p.vision import PromptedTower

__all__ = ["L2P", "L2PVote"]


class L2P(Method):
    """A pool of prompts for the vision tower, chosen by each image for itself."""

    name: ClassVar[str] = "l2p"
    settings: L2PSettings

    def __init__(self, backbone: Backbone, settings: L2PSettings, context: Context) -> None:
        super().__init__(backbone, settings, context)
        self.backbone.freeze()
        self.tower = PromptedTower(self.backbone)
        self.pool = PromptPool(
            size=settings.pool_size,
            length=settings.length,
            width=self.tower.width,
            query_width=self.backbone.width,
            top_k=settings.top_k,
            generator=context.generator("pool"),
            device=self.backbone.device,
        )
        self.learned = 0
        self._classifiers: dict[str, Tensor] = {}
        # The tower is frozen, and test batches come back after every task.
        self._test_queries = Remembered(self._queries)

    @classmethod
    def check(cls, settings: Settings) -> None:
        settings.check(cls.name)

    # -- training -----------------------------------------------------------------------------------

    def learn(self, task: TrainingTask) -> None:
        """Train prompts and keys: cross-entropy over the task's classes + λ · Σ (1 - cos(query, key))."""
        settings, pool, position = self.settings, self.pool, self.learned
        own = pool.own(position) if settings.diversify == "mask" else None
        frequencies = pool.frequencies if settings.diversify == "frequency" else None
        if own is not None and settings.warm_start:
            pool.warm_start(position)
        with torch.no_grad():
            W = text_features(self.backbone, task.labels.first_prompts)
        # Of the test view the queries never change; a random crop has a query of its own.
        known = None if settings.augment else self.context.initial_features(task.train)
        picks = _Picks()

        def step(_k: int, batch: Batch) -> Losses:
            queries = self._queries(batch.images) if known is None else known[batch.indices.to(known.device)]
            near = pool.cosines(queries)
            chosen = self._choose(near, frequencies) if own is None else own.expand(len(batch), -1)
            picks.add(chosen)
            Z = self._prompted(batch.images, chosen)
            logits = self.backbone.scale.detach() * cosines(Z, W)
            return {
                "cross-entropy": F.cross_entropy(logits, batch.labels),
                "pull": settings.pull * (1.0 - near.gather(1, chosen)).sum(dim=1).mean(),
            }

        def clip(_k: int) -> None:
            if settings.clip > 0:
                torch.nn.utils.clip_grad_norm_([pool.prompts, pool.keys], settings.clip)

        epoch = math.ceil(len(task.train) / settings.batch_size)
        self.context.fit(
            task,
            [pool.prompts, pool.keys],
            step,
            steps=settings.iterations or settings.epochs * epoch,
            schedule=constant(settings.lr),
            batch_size=settings.batch_size,
            augment=settings.augment,
            before_optimizer=clip,
            state=[picks],
        )
        pool.count(torch.cat(picks.made))
        self.learned += 1

    def _choose(self, near: Tensor, frequencies: Tensor | None = None) -> Tensor:
        """The prompts of each image, (batch, N), from its cosines to the keys (batch, M)."""
        return self.pool.choose(near, frequencies=frequencies)

    @torch.no_grad()
    def _queries(self, images: Tensor) -> Tensor:
        """Embeddings (batch, d) by the frozen tower, of unit length."""
        return F.normalize(self.backbone.encode_image(images).float(), dim=-1)

    def _prompted(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Embeddings (batch, d) with the chosen prompts, of unit length, with gradient."""
        prompts = self.pool.tokens(chosen)
        return F.normalize(self.tower.encode(images, prompts, pooling=self.settings.pooling).float(), dim=-1)

    # -- inference ----------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine of prompted image embeddings and class embeddings; before the first task, CLIP's."""
        Z = self._test_queries(images)
        if self.learned:
            Z = self._prompted(images, self._choose(self.pool.cosines(Z)))
        if labels.digest not in self._classifiers:
            W = text_classifier(self.backbone, labels, templates=self.settings.test_templates)
            self._classifiers[labels.digest] = W.float()
        return 100.0 * cosines(Z, self._classifiers[labels.digest])

    # -- state --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {"pool": self.pool.state_dict(), "learned": self.learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.pool.load_state_dict(state["pool"])
        self.learned = int(state["learned"])


class _Picks:
    """The prompts that were chosen, a tensor (batch, N) for each step of a task."""

    def __init__(self) -> None:
        self.made: list[Tensor] = []

    def add(self, chosen: Tensor) -> None:
        self.made.append(chosen.cpu())

    def state_dict(self) -> dict[str, Any]:
        return {"made": list(self.made)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.made = list(state["made"])


class L2PVote(L2P):
    """L2P as its authors' code runs it: the prompts that most images of a batch pick serve all of them.

    A test batch holds images of one task, so an image's answer profits from the images beside it.
    """

    name = "l2p-vote"

    def _choose(self, near: Tensor, frequencies: Tensor | None = None) -> Tensor:
        return majority(super()._choose(near, frequencies), len(self.pool))

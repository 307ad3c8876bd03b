"""What a method may use besides its backbone and its settings — and nothing else."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clbench.errors import ConfigError
from clbench.methods.batches import Batch, EndlessBatches
from clbench.methods.fit import Loop, Losses, OptimizerName, Precision, autocast
from clbench.methods.resuming import Middle, Sources, Stateful, StepStore, WeakGenerator
from clbench.methods.schedules import Schedule
from clbench.models.backbone import Backbone
from clbench.models.features import image_features
from clbench.models.generation import GeneratedImages, generated_images
from clbench.models.generator import ImageGenerator
from clbench.streams.disk import cache_root
from clbench.streams.images import ImageSet
from clbench.streams.tasks import TrainingTask

__all__ = ["Context", "FeatureCache", "Measured", "Reference"]

ProgressFunction = Callable[[str, int, int, float | None], None]


@dataclass(frozen=True)
class Reference:
    """Reference data for distillation: images and texts that need not match and are in no task.

    ``origin`` says where they are from, such as a repository and its commit; nothing for a user's folder.
    """

    images: ImageSet
    texts: tuple[str, ...]
    origin: str = ""


@dataclass
class Measured:
    """What the harness measures while a method trains.

    Attributes:
        trainable_parameters: per learned task, the number of parameters handed to :meth:`Context.fit`.
        generated_images: images asked for so far.
        earlier_seconds: of the current task, what an earlier process spent on steps that are not taken again.
    """

    trainable_parameters: list[int] = field(default_factory=list)
    generated_images: int = 0
    earlier_seconds: float = 0.0


class FeatureCache:
    """Normalised image embeddings of frozen models; shared by all runs of a process."""

    def __init__(self) -> None:
        self._features: dict[tuple[str, str, str], Tensor] = {}

    def image_features(self, backbone: Backbone, images: ImageSet) -> Tensor:
        key = (backbone.weights_digest, images.digest, backbone.preprocessing.digest)
        if key not in self._features:
            self._features[key] = image_features(backbone, images)
        return self._features[key]


class Context:
    """Seeded randomness, the initial model, declared extra data, and the shared training loop.

    Attributes:
        initial: the backbone as pre-trained, frozen; shared between methods, so never change it.
        device, precision: where and how forward passes run.
        seed: the run's seed.
        scratch: a folder of this run; what is put there may be gone at the next start.
        task_keys: keys of all tasks in order (their number sizes prompt pools).
        measured: what the harness has measured.
        moment: names the part of the run whose random state is current.
    """

    def __init__(
        self,
        *,
        initial: Backbone,
        seed: int,
        task_keys: Sequence[str],
        scratch: Path,
        precision: Precision = "fp32",
        reference: Callable[[], Reference] | None = None,
        class_pool: Callable[[], tuple[str, ...]] | None = None,
        generator: Callable[[], ImageGenerator] | None = None,
        features: FeatureCache | None = None,
        progress: ProgressFunction | None = None,
        steps: StepStore | None = None,
        lending: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.initial = initial
        self.device = initial.device
        self.precision: Precision = precision
        self.seed = seed
        self.task_keys = tuple(task_keys)
        self.scratch = scratch
        self.measured = Measured()
        self._reference = reference
        self._class_pool = class_pool
        self._generator = generator
        self._features = features or FeatureCache()
        self._progress = progress
        self.moment = "start"
        self._loop: Loop | None = None
        self._steps = steps
        self._lending = lending  # around what is opened for a method, so that it is known to be given
        self._sources = Sources()
        self._fits = 0
        self._began = time.perf_counter()

    # -- randomness ---------------------------------------------------------------------------------

    def begin(self, moment: str) -> None:
        """Set all random states from the run's seed and ``moment``; the harness calls it before each task."""
        self.moment = moment
        self._sources, self._fits, self._began = Sources(), 0, time.perf_counter()
        self.measured.earlier_seconds = 0.0
        base = self._derive("global")
        random.seed(base)
        np.random.seed(base % 2**32)
        torch.manual_seed(base)

    def generator(self, name: str) -> torch.Generator:
        """A CPU generator that depends on the run's seed, the current task and ``name`` only."""
        return self._sources.add(name, WeakGenerator().manual_seed(self._derive(name)))

    def _derive(self, name: str) -> int:
        digest = hashlib.sha256(f"{self.seed}|{self.moment}|{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % 2**63

    # -- declared extra data ------------------------------------------------------------------------

    @property
    def reference(self) -> Reference:
        """Reference images and texts.

        Raises:
            ConfigError: the stream has none.
        """
        if self._reference is None:
            raise ConfigError("this stream has no reference data", fix="choose a stream with reference data")
        with self._lending():
            return self._reference()

    @property
    def class_pool(self) -> tuple[str, ...]:
        """Class names that are in no task.

        Raises:
            ConfigError: the stream has none.
        """
        if self._class_pool is None:
            raise ConfigError("this stream has no class pool", fix="choose a stream with a class pool")
        with self._lending():
            return self._class_pool()

    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
    ) -> GeneratedImages:
        """Images for prompts, generated once and cached by content key.

        Raises:
            ConfigError: no text-to-image generator is configured.
        """
        if self._generator is None:
            raise ConfigError(
                "no text-to-image generator is configured",
                fix="name one: --generator NAME (clbench list generators)",
            )
        with self._lending():
            images = generated_images(
                self._generator,
                prompts,
                seeds,
                steps=steps,
                guidance=guidance,
                cache=cache_root() / "generated",
                progress=lambda done, total: self.report("generate", done, total),
            )
        self.measured.generated_images += len(prompts)
        return images

    # -- features and batches -----------------------------------------------------------------------

    def initial_features(self, images: ImageSet) -> Tensor:
        """Normalised embeddings (n, d) of ``images`` by the initial model, computed once."""
        with self._lending():
            return self._features.image_features(self.initial, images)

    def batches(self, images: ImageSet, size: int, *, name: str, augment: bool = False) -> Iterator[Batch]:
        """Endless seeded batches; ``name`` tells apart the sources of one task."""
        batches = EndlessBatches(
            images,
            size,
            self.initial.preprocessing,
            torch.Generator().manual_seed(self._derive(name)),
            augment=augment,
            device=self.device,
        )
        return self._sources.add(name, batches)

    # -- training -----------------------------------------------------------------------------------

    def fit(
        self,
        task: TrainingTask,
        parameters: Iterable[nn.Parameter],
        step: Callable[[int, Batch], Losses],
        *,
        steps: int,
        schedule: Schedule,
        batch_size: int = 64,
        optimizer: OptimizerName = "adamw",
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        augment: bool = True,
        batches: Iterator[Batch] | None = None,
        before_optimizer: Callable[[int], None] | None = None,
        after_step: Callable[[int], None] | None = None,
        state: Sequence[Stateful] | None = None,
    ) -> None:
        """Train ``parameters`` on ``task``; see :class:`clbench.methods.fit.Loop` for the functions.

        Where the harness keeps the middle of a task, a killed run goes on from there: ``learn`` is called
        again, and this function begins with the step after the last that was kept. Everything that steps
        change must then be as it was. The harness sees to ``parameters``, the optimiser, the random states,
        and the generators and batches that this context has made since the task began. ``state`` names the
        rest: averages of weights, counters, the best so far, buffers of layers in training mode, generators
        and iterators of the method's own. A method that names no ``state`` is not kept in the middle of a
        task, it learns the whole task again; ``state=()`` says that there is nothing else. The law
        ``steps_are_resumed`` of :mod:`clbench.testing` checks it.

        Args:
            task: what is learned.
            parameters: what is trained.
            step: (k, batch) → named losses.
            steps: number of steps.
            schedule: the learning rate of each step.
            batch_size: images of a batch.
            optimizer, weight_decay, betas: see :class:`clbench.methods.fit.Loop`.
            augment: random crops, not the test view.
            batches: replaces the task's own batches. If these are not of :meth:`batches`, they must have
                ``state_dict`` and ``load_state_dict``, else nothing is kept.
            before_optimizer, after_step: told k, see :meth:`clbench.methods.fit.Loop.run`.
            state: what ``step``, ``before_optimizer`` and ``after_step`` change beside all that.

        Raises:
            NotFiniteError: a loss is NaN or infinite.
        """
        loop = Loop(
            parameters,
            schedule=schedule,
            steps=steps,
            optimizer=optimizer,
            weight_decay=weight_decay,
            betas=betas,
            precision=self.precision,
            where=f"task {task.key}",
            progress=lambda done, total, loss: self.report("learn", done, total, loss),
        )
        self.measured.trainable_parameters.append(sum(p.numel() for p in loop.parameters))
        source = batches or self.batches(task.train, batch_size, name="train", augment=augment)
        fit, self._fits = self._fits, self._fits + 1
        first, keep = 0, None
        if self._steps is not None and state is not None and isinstance(source, Stateful):
            further = list(state) if isinstance(source, EndlessBatches) else [*state, source]
            first, keep = self._resumed(self._steps, fit, loop, steps, further)
        self._loop = loop
        try:
            loop.run(
                source,
                step,
                before_optimizer=before_optimizer,
                after_step=after_step,
                first=first,
                after_all=keep,
            )
        finally:
            self._loop = None

    def _resumed(
        self, store: StepStore, fit: int, loop: Loop, steps: int, further: Sequence[Stateful]
    ) -> tuple[int, Callable[[int], None]]:
        """Put back what was kept of an optimisation; return its next step and what keeps the later ones."""
        shapes = [list(p.shape) for p in loop.parameters]
        form = hashlib.sha256(f"{steps} {len(further)} {shapes}".encode()).hexdigest()
        middle = Middle(loop, self._sources.alive(), further)
        kept = store.load(self.moment, fit, form)
        first = 0
        if kept is not None:
            middle.put_back(kept["middle"])
            first = loop.step_index + 1
            # What is done again before this point is in the watch of the task already.
            earlier = kept["seconds"] - (time.perf_counter() - self._began)
            self.measured.earlier_seconds = max(self.measured.earlier_seconds, earlier)
            self.report("learn", first, steps)
        last, size = first, middle.size

        def keep(k: int) -> None:
            nonlocal last
            if k + 1 < steps and store.due(k + 1 - last, size):
                seconds = time.perf_counter() - self._began + self.measured.earlier_seconds
                store.save(self.moment, fit, form, {"middle": middle.take(), "seconds": seconds})
                last = k + 1

        return first, keep

    def backward(self, losses: Losses) -> None:
        """Back-propagate part of the losses inside a step function, before the rest is returned."""
        if self._loop is None:
            raise RuntimeError("context.backward() is for step functions of context.fit()")
        self._loop.backward(losses)

    @property
    def gradient_scale(self) -> float:
        """Inside a step function, after :meth:`backward`: the factor that gradients still carry (fp16)."""
        return 1.0 if self._loop is None else self._loop.gradient_scale

    def autocast(self) -> torch.amp.autocast_mode.autocast | object:
        """The run's mixed precision, for forward passes outside of :meth:`fit`."""
        return autocast(self.precision, self.device)

    def report(self, phase: str, done: int, total: int, loss: float | None = None) -> None:
        """Tell the display how far a phase is."""
        if self._progress is not None:
            self._progress(phase, done, total, loss)

"""Frozen descriptions that plugins return from hooks. No torch here: listing and validating stay instant.

A *reference* to code is a string ``"package.module:attribute"``; it is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal

from clbench.traps.declaration import Trap

__all__ = [
    "PROTOCOL_FACTS",
    "Assumptions",
    "BackboneSpec",
    "DatasetSpec",
    "FormatSpec",
    "GeneratorSpec",
    "LauncherSpec",
    "MethodSpec",
    "MetricSpec",
    "Need",
    "NeedsPart",
    "Part",
    "Spec",
    "StreamSpec",
    "TaskSummary",
    "TrackerSpec",
    "load_reference",
]


PROTOCOL_FACTS: Mapping[str, str] = MappingProxyType(
    {
        "splits": "splits",
        "names": "class names",
        "learning_prompts": "prompts to learn with",
        "test_prompts": "prompts at test",
        "draw": "draw of shots",
    }
)
"""What makes a protocol, each with a name of its own: the key in a stream's ``facts``, and in words."""


def load_reference(reference: str) -> Any:
    """Import and return what a ``"package.module:attribute"`` string names.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such attribute.
        ValueError: the string is not of that form.
    """
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise ValueError(f"{reference!r} is not of the form 'package.module:attribute'")
    value: Any = import_module(module_name)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What every contribution has: a name to type, a title to print, one line that says what it is."""

    name: str
    title: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What a method takes for granted beyond the training data of the current task.

    Attributes:
        extra_data: it sees reference images or texts that are in no task.
        replay: it keeps training samples of earlier tasks.
        generated_images: it trains on images of a text-to-image model.
        task_identity: ``none``, ``given`` (the protocol's) or ``inferred``
            (guessed per sample or per batch; the setting that decides is in the record).
        external_models: models other than the backbone, by name.
    """

    extra_data: bool = False
    replay: bool = False
    generated_images: bool = False
    task_identity: Literal["none", "given", "inferred"] = "none"
    external_models: tuple[str, ...] = ()


Part = Literal["vision-transformer", "class-token", "text-transformer"]
"""What a CLIP-like model may be made of: ``vision-transformer``: its image tower is open_clip's own;
``class-token``: that tower's embedding is read from its tokens without a pooling by attention;
``text-transformer``: its text tower is made of open_clip's own blocks."""


@dataclass(frozen=True, slots=True)
class NeedsPart:
    """A part of the backbone without which a method does not work.

    Attributes:
        part: see :data:`Part`.
        when: it is needed only if these settings have one of these values, all of them.
        unless: it is not needed if one of these settings has one of these values.
    """

    part: Part
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    unless: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def arises(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is needed with these settings."""
        return all(settings.get(name) in values for name, values in self.when.items()) and not any(
            settings.get(name) in values for name, values in self.unless.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that must be on the disk before a run can begin.

    Attributes:
        what: it is, in words: ``images of dtd``.
        there: whether it is. What comes by itself at its first use is not lacking, and says so in ``cure``.
        cure: the command that brings it, or where it is to be had.
        comes: whether it comes by itself at its first use, where there is a network.
        gigabytes: what is fetched, about; 0: not known.
    """

    what: str
    there: bool
    cure: str = ""
    comes: bool = False
    gigabytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec(Spec):
    """A continual-learning method.

    Attributes:
        factory: reference to a subclass of :class:`clbench.Method`.
        settings: reference to a subclass of :class:`clbench.Settings` whose defaults are the paper's.
        tuned: values that replace those defaults on a stream, by stream name; recorded as such.
        requires: extra inputs it cannot do without: ``reference`` (images and texts), ``class_pool``,
            ``generator``.
        optional: extra inputs that some of its settings use; it is given those that the stream has.
        parts: of the backbone without which it does not work; a run on a backbone that lacks one is refused
            before anything is loaded.
        protocol: ``stream`` learns task after task; ``zero_shot`` learns nothing; ``joint`` learns all
            tasks at once; ``independent`` learns each task from the initial weights.
        assumptions: printed on the method's card and beside its row.
        citation: one line: authors, title, venue.
        deterministic: whether every seed gives the same answers, because nothing is drawn; admission takes
            equal answers of two seeds for a copy otherwise.
        claims: the published figures that ship with the plugin, as ``"package:file.toml"``; see
            :mod:`clbench.results.claims`.
        traps: where its authors' code and paper differ, or code and sense; see :class:`clbench.Trap`.
    """

    factory: str
    settings: str
    tuned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    requires: tuple[Literal["reference", "class_pool", "generator"], ...] = ()
    optional: tuple[Literal["reference", "class_pool"], ...] = ()
    parts: tuple[NeedsPart, ...] = ()
    protocol: Literal["stream", "zero_shot", "joint", "independent"] = "stream"
    assumptions: Assumptions = Assumptions()
    citation: str = ""
    deterministic: bool = False
    claims: str | None = None
    traps: tuple[Trap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """A task as listings show it: no data is opened.

    Attributes:
        key, title: the name to type and to print.
        classes: how many.
        train, test: numbers of images; ``None`` where no source gives it before the data are opened.
        validation: number of held-out images; ``None`` where there are none, or none are known.
        split: by what rule images are divided, in words.
        rate_scale: factor on a method's learning rate, see :class:`clbench.streams.TrainingTask`.
        templates: number of prompts per class at test; 0 where it is not told here.
        source: where the images come from, in words.
        groups: number of groups of test images that are alike, each image that is alone counted, where the
            stream names them (see :class:`clbench.streams.ImageSet`); ``None`` where it names none.
    """

    key: str
    title: str
    classes: int
    train: int | None
    test: int | None
    validation: int | None = None
    split: str = ""
    rate_scale: float = 1.0
    templates: int = 0
    source: str = ""
    groups: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec(Spec):
    """A stream of tasks.

    Attributes:
        factory: reference to a callable that returns a :class:`clbench.streams.Stream` whose tasks are in
            the order of ``tasks`` here; the harness permutes them.
        tasks: what listings and orders need to know of each task.
        orders: published orders by name, each a tuple of task keys; ``random-SEED`` always works too.
        default_order, default_backbone: used when the command line names none.
        reference: name of the :class:`DatasetSpec` with reference images and captions, if there is one.
        class_pool: name of the :class:`DatasetSpec` of kind ``names`` with class names in no task.
        generator: name of the default text-to-image generator.
        protocol: the protocol family's name, printed and part of the fingerprint.
        facts: what makes the protocol, by name (:data:`PROTOCOL_FACTS`); empty where there is but one, as in
            a stream that is published with its data. The stream's ``meta`` has them under the same name.
        variations: reference to a callable ``(*arguments, facts: Mapping[str, str]) -> StreamSpec`` that
            returns this stream with some facts exchanged, under the name ``NAME+fact=value+…``; it opens no
            data and raises :class:`clbench.ConfigError` for what cannot be. ``None``: nothing can.
        label_space: which classes a model may answer with in the ranked matrix, unless a run says otherwise.
        classes: number of different classes, where tasks share some; ``None``: the tasks' sum.
        shots: training images per class; ``None``: all there are.
        arguments: what the factory is called with, so that one factory may serve many streams.
        digest: of all its content, where that is not settled by the plugin's version: a stream of a user's
            own files; then it is part of a run's key.
        variables: reference to a callable ``(*arguments) -> dict[str, str]`` that returns those environment
            variables, with their values, that make the stream another one than it is without them, such as
            the seed of a draw. They are part of a run's key, of its record and of the command that does it
            again. It opens no data and imports nothing heavy.
        traps: where published code and paper, or code and sense, differ in data or protocol; see
            :class:`clbench.Trap`.
        needs: reference to a callable ``(*arguments) -> Iterable[Need]``: what must be on the disk, and how
            it comes there. It opens no data and imports nothing heavy. ``None``: nothing but the package.
    """

    factory: str
    tasks: tuple[TaskSummary, ...]
    orders: Mapping[str, tuple[str, ...]]
    default_order: str
    default_backbone: str
    reference: str | None = None
    class_pool: str | None = None
    generator: str | None = None
    protocol: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    variations: str | None = None
    label_space: Literal["task", "seen", "union"] = "task"
    classes: int | None = None
    shots: int | None = None
    arguments: tuple[str, ...] = ()
    digest: str = ""
    variables: str | None = None
    traps: tuple[Trap, ...] = ()
    needs: str | None = None

    def deciding(self) -> dict[str, str]:
        """The environment variables, as they are now, that make it another stream; see ``variables``."""
        return dict(load_reference(self.variables)(*self.arguments)) if self.variables else {}

    def total(self, what: Literal["classes", "train", "test", "validation"]) -> int | None:
        """Number over all tasks, of ``classes`` the different ones; ``None`` where one is not known."""
        if what == "classes" and self.classes is not None:
            return self.classes
        numbers = [getattr(task, what) for task in self.tasks]
        return None if None in numbers else sum(numbers)

    def build(self) -> Any:
        """Call the factory."""
        return load_reference(self.factory)(*self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec(Spec):
    """Data outside a stream's tasks.

    Attributes:
        kind: ``reference``: the factory returns a Hugging Face ``datasets.Dataset`` with columns
            ``image`` (Image) and ``text`` (string), and ``sha256`` (of the bytes, string) where images
            that are files are to be identified by their content; ``names``: it returns a tuple of class names
            paired with nothing; ``held_out``: it returns a :class:`clbench.streams.HeldOut`, which is tested
            after each task and never learned. Where images and texts of a reference are not pairs, its
            factory returns a :class:`clbench.methods.Reference`.
        factory: reference to a callable.
        arguments: what the factory is called with.
        needs: see :class:`StreamSpec`.
    """

    factory: str
    kind: Literal["reference", "names", "held_out"]
    arguments: tuple[str, ...] = ()
    needs: str | None = None

    def build(self) -> Any:
        """Call the factory."""
        return load_reference(self.factory)(*self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec(Spec):
    """A CLIP-like model.

    Attributes:
        factory: reference to a callable ``(*arguments, device: str) -> clbench.models.Backbone``.
        parameters: number of parameters, for listings; 0 where it is not known before they are loaded.
        image_size: side of the input image in pixels.
        arguments: what the factory is called with before the device.
        architecture: open_clip's name of it, for weights that a user has as a file.
        parts: what it is made of, see :data:`Part`; ``None``: what open_clip's file of ``architecture`` says,
            and nothing is known, and no method refused, where there is none.
        sha256: of the file in which the weights were published; a file of a user's with this digest is
            this backbone, and no other file is.
        digest: of the file of weights, where it is a user's; then it is part of a run's key.
        needs: see :class:`StreamSpec`; it is called without arguments.
    """

    factory: str
    parameters: int
    image_size: int
    arguments: tuple[str, ...] = ()
    architecture: str = ""
    parts: tuple[Part, ...] | None = None
    sha256: str = ""
    digest: str = ""
    needs: str | None = None

    def build(self, device: str) -> Any:
        """Call the factory."""
        return load_reference(self.factory)(*self.arguments, device)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSpec(Spec):
    """A text-to-image model.

    Attributes:
        factory: reference to a callable ``(device: str) -> clbench.models.ImageGenerator``.
        needs: see :class:`StreamSpec`; it is called without arguments.
    """

    factory: str
    needs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec(Spec):
    """A figure computed from an accuracy matrix.

    Attributes:
        factory: reference to a pure function ``(A) -> float``; rows of A = after task i, columns = task j.
        higher_is_better: how the board sorts and marks it.
        needs: what the function takes besides, by keyword: ``test_images``, how many test images each
            task has, shape (T,).
        rival_of: name of the metric of clbench that this one reads otherwise. Boards say so below the table.
        formula: in plain text.
        source: where it is defined.
    """

    factory: str
    higher_is_better: bool = True
    needs: tuple[Literal["test_images"], ...] = ()
    rival_of: str = ""
    formula: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSpec(Spec):
    """An output format of the leaderboard.

    Attributes:
        factory: reference to a callable ``(clbench.boards.Board) -> str``, or ``-> bytes``.
        suffix: file suffix with its dot.
        binary: whether it returns bytes, which are written to a file and never to a terminal.
    """

    factory: str
    suffix: str
    binary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LauncherSpec(Spec):
    """A way to execute planned runs (in this process, in others, on a cluster).

    Attributes:
        factory: reference to a callable ``(jobs, execute) -> None`` that calls ``execute(job)`` for each
            job somewhere; a job that raises must not stop the others.
    """

    factory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSpec(Spec):
    """A service that shows runs while they go on. It observes and cannot change a number.

    Attributes:
        factory: reference to a callable ``(out: Path) -> object`` that is called before the first run, with
            the folder of the records. The object has any of the observing hooks, marked with
            ``clbench.hookimpl``; :class:`clbench.trackers.RunTracker` has them all and says what to write.
    """

    factory: str

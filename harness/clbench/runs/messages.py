"""What passes between a run's supervisor and its worker: small and typed.

The supervisor is trusted by the worker, so that orders travel as pickled objects. The worker runs a
method's code, so that what it says is read as JSON and plain arrays: reading it executes nothing.
"""

from __future__ import annotations

import io
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import numpy as np

from clbench.errors import MethodError
from clbench.streams import LabelSpace, Preprocessing, TrainingTask

__all__ = [
    "Answered",
    "Ask",
    "Batch",
    "Build",
    "Built",
    "EndOfTest",
    "Examination",
    "Failed",
    "Learn",
    "Learned",
    "Order",
    "Progressed",
    "Ready",
    "Reply",
    "Restore",
    "Stop",
    "Taken",
    "Touched",
    "receive_reply",
    "send_reply",
]

_LONGEST = 2**28  # bytes of one message of a worker, most of them answers
_LONGEST_HEADER = 2**20  # bytes of what is no array in one
_LONGEST_TEXT = 20_000  # characters of a text in one
_sending = threading.RLock()  # several threads of a worker may have something to say

# -- orders: from the supervisor ----------------------------------------------------------------------


class Order:
    """What a worker is asked to do."""


@dataclass(frozen=True)
class Build(Order):
    """Make the method; answered by :class:`Built`."""


@dataclass(frozen=True)
class Restore(Order):
    """Load the newest checkpoint, if there is one; answered by :class:`Learned`."""


@dataclass(frozen=True)
class Learn(Order):
    """Learn what row ``index`` needs, and keep a checkpoint; answered by :class:`Learned`.

    Attributes:
        tasks: one task, or all of them for methods that learn jointly; none where nothing is learned.
    """

    index: int
    tasks: tuple[TrainingTask, ...]


@dataclass(frozen=True)
class Ask:
    """A label space that some images of a batch are to be scored in.

    Attributes:
        space: its name in :class:`Examination`.
        rows: positions in the batch, or ``None`` for all of it.
    """

    space: str
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Examination(Order):
    """A test begins; :class:`Batch` orders follow, answered by :class:`Taken`, until :class:`EndOfTest`.

    Attributes:
        initial: whether the initial model is tested, not the method.
        slots: a file with pixels, which worker and supervisor map into memory.
        count: how many batches have room in it at once.
        shape: of a full batch of pixels: (images, 3, side, side).
        spaces: label spaces by name.
        groups: by name, the columns of each group of a label space; answered is the best column within
            each group.
    """

    initial: bool
    slots: str
    count: int
    shape: tuple[int, int, int, int]
    spaces: Mapping[str, LabelSpace]
    groups: Mapping[str, tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Batch(Order):
    """Score the ``images`` first images in ``slot``."""

    slot: int
    images: int
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class EndOfTest(Order):
    """All batches were given; answered by :class:`Answered`."""


@dataclass(frozen=True)
class Stop(Order):
    """There is nothing more to do; ``finished``: the run is at its end, not given up."""

    finished: bool = False


# -- replies: from the worker -------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What a worker says. Fields are what JSON can hold, or arrays."""

    arrays: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Ready(Reply):
    """The initial model is loaded.

    Attributes:
        preprocessing: its fields, see :class:`clbench.streams.Preprocessing`.
        weights_digest, activation, parameters: of the model.
        logit_bias: the model's, if it has one.
        device: in words.
        threads: of computations on the CPU.
    """

    preprocessing: dict[str, Any]
    weights_digest: str
    activation: str
    parameters: int
    device: str
    threads: int
    logit_bias: float | None = None

    @property
    def transform(self) -> Preprocessing:
        """How images become the model's input."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.preprocessing.items()
        }
        return Preprocessing(**values)


@dataclass(frozen=True)
class Built(Reply):
    """The method is made; ``declared`` is what it wants recorded."""

    declared: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progressed(Reply):
    """A step inside a phase; see :class:`clbench.events.Progress`."""

    phase: str
    done: int
    total: int
    loss: float | None = None


@dataclass(frozen=True)
class Learned(Reply):
    """The state is one of ``learned`` tasks; lists have one entry for each.

    Attributes:
        rows: how many rows need not be tested again; known after :class:`Restore`.
        reference_origin: where the reference data are from, if they were asked for.
    """

    learned: int
    learn_seconds: list[float]
    trainable_parameters: list[int]
    stored_parameters: list[int]
    generated_images: int
    peak_memory: int
    rows: int = 0
    reference_origin: str = ""


@dataclass(frozen=True)
class Taken(Reply):
    """The pixels in ``slot`` were read, and may be replaced."""

    slot: int


@dataclass(frozen=True)
class Answered(Reply):
    """Answers to all batches of a test, one batch after another, in each batch one label space after another.

    Attributes:
        best: int32: for each image and group the best column of the group, an index into the group.
        logit: float32: its logit.
        seconds, peak_memory: what the test took.
    """

    arrays: ClassVar[tuple[str, ...]] = ("best", "logit")

    best: np.ndarray
    logit: np.ndarray
    seconds: float
    peak_memory: int


@dataclass(frozen=True)
class Touched(Reply):
    """Something that the method was not given was opened: its kind, and which."""

    what: str
    which: str


@dataclass(frozen=True)
class Failed(Reply):
    """An exception ended the run.

    Attributes:
        kind: class name of the exception.
        message, traceback: texts; long ones are cut.
        step: of the optimisation, if it happened in one.
        batch: number of the test's batch at hand, if it happened in one.
    """

    kind: str
    message: str
    traceback: str
    step: int | None = None
    batch: int | None = None


_REPLIES: Mapping[str, type[Reply]] = {
    kind.__name__: kind for kind in (Ready, Built, Progressed, Learned, Taken, Answered, Touched, Failed)
}
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "float | None": (int, float, type(None))}
_TYPES |= {"int | None": (int, type(None)), "dict[str, Any]": dict}
_TYPES |= {"list[int]": list, "list[float]": list}


def send_reply(connection: Connection, reply: Reply) -> None:
    """Send what a worker says."""
    values = {each.name: getattr(reply, each.name) for each in fields(reply)}
    held = {name: values.pop(name) for name in reply.arrays}
    header = json.dumps([type(reply).__name__, {name: _plain(value) for name, value in values.items()}])
    buffer = io.BytesIO()
    for array in held.values():
        np.save(buffer, array, allow_pickle=False)
    text = header.encode("ascii")
    with _sending:
        connection.send_bytes(len(text).to_bytes(4, "big") + text + buffer.getvalue())


def receive_reply(connection: Connection) -> Reply:
    """Read what a worker says.

    Raises:
        EOFError: the worker is gone.
        MethodError: it is nothing that a worker of the harness says.
    """
    try:
        content = connection.recv_bytes(_LONGEST)
    except (EOFError, ConnectionError) as error:
        raise EOFError from error
    except OSError as error:  # longer than anything that is due; the connection is of no use then
        raise _foreign("a message is longer than any can be") from error
    try:
        length = int.from_bytes(content[:4], "big")
        if length > _LONGEST_HEADER:
            raise ValueError("it is longer than any can be")
        name, values = json.loads(content[4 : 4 + length])
        kind = _REPLIES[name]
        buffer = io.BytesIO(content[4 + length :])
        values |= {each: _array(buffer) for each in kind.arrays}
        reply = kind(**values)
    except (ValueError, KeyError, TypeError, OSError, EOFError, RecursionError) as error:
        raise _foreign(f"{type(error).__name__}: {error}") from error
    for each in fields(reply):
        expected = _TYPES.get(str(each.type))
        if expected is not None and not isinstance(getattr(reply, each.name), expected):
            raise _foreign(f"{name}.{each.name} is {getattr(reply, each.name)!r:.80}")
        within: Any = {"list[int]": int, "list[float]": (int, float)}.get(str(each.type))
        if within is not None and not all(isinstance(one, within) for one in getattr(reply, each.name)):
            raise _foreign(f"{name}.{each.name} has something that is no number")
    return reply


def _array(buffer: io.BytesIO) -> np.ndarray:
    """The next array; there is memory for it, since it is here already.

    Raises:
        ValueError: it is none.
    """
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise ValueError("an array of another version")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(buffer)
    if fortran or dtype.hasobject or dtype.kind not in "if":
        raise ValueError(f"an array of {dtype}")
    size = math.prod(shape) * dtype.itemsize
    content = buffer.read(size) if size <= _LONGEST else b""
    if min([0, *shape]) < 0 or len(content) != size:
        raise ValueError("an array that is not all there")
    return np.frombuffer(content, dtype).reshape(shape)


def _foreign(why: str) -> MethodError:
    return MethodError(
        "the method's process said something that the harness does not say",
        why=why,
        fix="a method must not write to what it was not given",
    )


def _plain(value: Any) -> Any:
    """Cut long texts, and replace what UTF-8 cannot encode: whatever an exception says, it can be told."""
    if isinstance(value, str):
        text = str.encode(value, "utf-8", "backslashreplace").decode()  # not what its own class makes of it
        if len(text) > _LONGEST_TEXT:
            half = _LONGEST_TEXT // 2
            text = f"{text[:half]}\n… {len(text) - 2 * half:,} characters …\n{text[-half:]}"
        return text
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

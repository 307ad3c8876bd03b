"""A plugin of methods that misbehave, each in one way: ``clbench run --plugin mischief.py``.

Each function marked with :func:`case` becomes a method that trains as ``honest`` does, and calls the function
at the moment that the mark names. The tiny stream and backbone come along. No torch is imported here: the
command reads this file, too, and must not do what the methods do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clbench.hookspecs import hookimpl
from clbench.specs import MethodSpec
from clbench.testing.tiny_plugin import (
    clbench_backbones,
    clbench_datasets,
    clbench_generators,
    clbench_streams,
)

__all__ = ["CASES", "clbench_backbones", "clbench_datasets", "clbench_generators", "clbench_streams"]


@dataclass(frozen=True)
class Case:
    """One way to misbehave.

    Attributes:
        act: the deed; called with the method, and with what the moment has (task, images, state, …).
        moment: ``init``, ``learn`` (before training), ``learned`` (after it), ``score``, ``state_dict``,
            ``load_state_dict``, ``check``, ``declares``, ``import``.
        ends: what kind and message of the failure match; empty where the run may finish, with the figures
            of ``honest``.
        hangs: whether only the stall watchdog ends it.
        replaces: whether what the deed returns is what the moment's function returns.
    """

    act: Callable[..., Any]
    moment: str
    ends: str
    hangs: bool = False
    replaces: bool = False


CASES: dict[str, Case] = {}
HONEST = {"honest": 3, "patient": 12}
"""The methods that behave, with the steps that each takes in a task; a case takes those of ``honest``."""


def case(moment: str, ends: str = "", *, hangs: bool = False, replaces: bool = False) -> Callable[..., Any]:
    def note(act: Callable[..., Any]) -> Callable[..., Any]:
        CASES[act.__name__.replace("_", "-")] = Case(act, moment, ends, hangs, replaces)
        return act

    return note


def _cases(name: str, moment: str, ends: str, act: Callable[..., Any], **more: Any) -> None:
    CASES[name] = Case(act, moment, ends, **more)


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    return [
        MethodSpec(
            name=name,
            title=name,
            summary="misbehaves" if name in CASES else "does not misbehave",
            factory=f"mischief:method_{name.replace('-', '_')}",
            settings="clbench.methods.settings:Settings",
        )
        for name in (*HONEST, *CASES)
    ]


# -- the methods, made when a worker asks for them --------------------------------------------------------


def __getattr__(name: str) -> Any:
    method = name.removeprefix("method_").replace("_", "-")
    here = CASES.get(method)
    if method == name or (here is None and method not in HONEST):
        raise AttributeError(name)
    if here is not None and here.moment == "import":
        here.act(None)
    return _method(here, HONEST.get(method, HONEST["honest"]))


def _method(here: Case | None, steps: int) -> type:
    import torch
    from clbench import FineTuning
    from clbench.methods import constant

    def at(moment: str, usual: Callable[[], Any], *arguments: Any) -> Any:
        if here is None or here.moment != moment:
            return usual()
        if here.replaces:
            return here.act(*arguments)
        here.act(*arguments)
        return usual()

    class Subject(FineTuning):
        def __init__(self, backbone: Any, settings: Any, context: Any) -> None:
            at("init", lambda: None, self)
            super().__init__(backbone, settings, context)

        @classmethod
        def check(cls, settings: Any) -> None:
            at("check", lambda: None, cls)

        @classmethod
        def declares(cls, settings: Any) -> Any:
            return at("declares", dict, cls)

        def learn(self, task: Any) -> None:
            at("learn", lambda: None, self, task)
            self.context.fit(
                task,
                [p for _, p in self.backbone.trainable()],
                lambda k, batch: {"ce": self.task_loss(batch, task.labels)},
                steps=steps,
                schedule=constant(1e-3),
                batch_size=8,
            )
            self.weights_changed()
            at("learned", lambda: None, self, task)

        def score(self, images: Any, labels: Any) -> Any:
            usual = super().score
            return at("score", lambda: usual(images, labels), self, images, labels)

        def state_dict(self) -> Any:
            return at("state_dict", super().state_dict, self)

        def load_state_dict(self, state: Any) -> None:
            at("load_state_dict", lambda: None, self, state)
            super().load_state_dict(state)

    del torch
    return Subject


# -- ends of the process ----------------------------------------------------------------------------------

_LETHAL = ("SEGV", "ABRT", "BUS", "FPE", "ILL", "KILL", "TERM", "QUIT", "HUP", "ALRM", "USR2", "XCPU", "TRAP")
_HARMLESS = ("INT", "PIPE", "CHLD", "WINCH")


def _kill(number: int) -> Callable[..., None]:
    return lambda *_: os.kill(os.getpid(), number)


for _name in _LETHAL:
    _cases(f"sig{_name.lower()}", "learn", f"SIG{_name}", _kill(getattr(signal, f"SIG{_name}")))
for _name in _HARMLESS:
    _cases(f"sig{_name.lower()}", "learn", "", _kill(getattr(signal, f"SIG{_name}")))
for _moment in ("init", "score", "state_dict", "check", "declares", "import"):
    _cases(f"sigsegv-in-{_moment.replace('_', '-')}", _moment, "SIGSEGV", _kill(signal.SIGSEGV))
_cases("sigstop", "learn", "Stalled", _kill(signal.SIGSTOP), hangs=True)


def _exit(code: Any) -> Callable[..., None]:
    return lambda *_: sys.exit(code)


def _os_exit(code: int) -> Callable[..., None]:
    return lambda *_: os._exit(code)


for _name, _code in {"0": 0, "1": 1, "none": None, "text": "good bye", "256": 256}.items():
    _cases(f"sys-exit-{_name}", "learn", "SystemExit", _exit(_code))
for _code in (0, 1, 3, 255):
    _cases(f"os-exit-{_code}", "learn", f"ProcessExit.*exit code {_code}", _os_exit(_code))
for _moment in ("init", "score", "state_dict", "check", "declares", "import"):
    _slug = _moment.replace("_", "-")
    _cases(f"sys-exit-in-{_slug}", _moment, "SystemExit", _exit(0))
    _cases(f"os-exit-in-{_slug}", _moment, "ProcessExit", _os_exit(0))


@case("learn", "ProcessExit.*exit code 7")
def os_exit_in_thread(method, task):
    import threading

    threading.Thread(target=os._exit, args=(7,)).start()
    time.sleep(60)


@case("learned")
def sys_exit_in_thread(method, task):
    import threading

    threading.Thread(target=sys.exit, args=(7,)).start()


@case("learned")
def exits_in_atexit(method, task):
    import atexit

    atexit.register(os._exit, 9)


@case("learned")
def raises_in_del(method, task):
    class Grave:
        def __del__(self):
            raise SystemExit(3)

    del task
    Grave()


@case("learn", "SystemExit")
def exits_in_generator(method, task):
    def batches():
        yield sys.exit(4)

    next(batches())


@case("learn", "GeneratorExit")
def generator_exit(method, task):
    raise GeneratorExit("of the method's own")


@case("learn", "ProcessExit.*exit code 5")
def exit_during_unwinding(method, task):
    try:
        raise ValueError("first")
    finally:
        os._exit(5)


@case("learn", "ProcessExit|execv|exit code 6")
def replaces_its_program(method, task):
    os.execv("/bin/sh", ["sh", "-c", "exit 6"])


# -- hangs ------------------------------------------------------------------------------------------------


@case("learn", "Stalled", hangs=True)
def sleeps_forever(method, task):
    while True:
        time.sleep(1000)


@case("learn", "Stalled", hangs=True)
def loops_forever(method, task):
    while True:
        pass


@case("score", "Stalled", hangs=True)
def hangs_in_score(method, images, labels):
    while True:
        time.sleep(1000)


@case("init", "Stalled", hangs=True)
def hangs_in_init(method):
    while True:
        time.sleep(1000)


@case("learn", "Stalled", hangs=True)
def hangs_with_the_interpreter_locked(method, task):
    import ctypes

    ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the lock


@case("learn", "Stalled", hangs=True)
def hangs_with_signals_blocked(method, task):
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    while True:
        time.sleep(1000)


@case("learn", "Stalled", hangs=True)
def waits_for_itself(method, task):
    import threading

    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@case("declares", "Stalled", hangs=True)
def hangs_in_declares(cls):
    time.sleep(1000)


@case("learn", "Stalled", hangs=True)
def half_a_message(method, task):
    os.write(_connection().fileno(), (5000).to_bytes(4, "big") + b"half")
    time.sleep(1000)


# -- exceptions -------------------------------------------------------------------------------------------


@case("learn", "MemoryError|RuntimeError.*alloc|DefaultCPUAllocator")
def memory_bomb(method, task):
    import resource

    import psutil
    import torch

    room = psutil.Process().memory_info().vms + 300 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    held = []
    while True:
        held.append(torch.zeros(2**22))


@case("learn", "MemoryError")
def memory_bomb_of_python(method, task):
    import resource

    import psutil

    room = psutil.Process().memory_info().vms + 300 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    held = []
    while True:
        held.append(bytearray(2**22))


@case("learn", r"ValueError.*xxx")
def two_megabytes_of_error(method, task):
    raise ValueError("x" * 2_000_000)


@case("learn", r"ValueError.*\\udcff")
def lone_surrogate(method, task):
    raise ValueError("a file named \udcff")


@case("learn", "ValueError")
def escape_sequences(method, task):
    raise ValueError("\x1b[2J\x1b]0;owned\x07\u202etxet\x00")


class _MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@case("learn", "_MuteError.*cannot be told")
def error_without_text(method, task):
    raise _MuteError


@case("learn", "_LeaverError.*cannot be told")
def error_whose_text_exits(method, task):
    class _LeaverError(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

    raise _LeaverError


@case("learn", "_SlyError")
def error_whose_text_is_no_plain_text(method, task):
    class Text(str):
        def encode(self, *_):
            raise RuntimeError("no bytes")

        def __len__(self):
            raise RuntimeError("no length")

    class _SlyError(Exception):
        def __str__(self) -> str:
            return Text("sly")

    raise _SlyError


@case("learn", "_BoundError")
def error_that_cannot_be_pickled(method, task):
    import threading

    class _BoundError(Exception):
        pass

    error = _BoundError("holds a lock")
    error.lock = threading.Lock()
    raise error


@case("learn", "_BaseError.*all the way")
def base_exception(method, task):
    class _BaseError(BaseException):
        pass

    raise _BaseError("all the way")


@case("learn", "KeyboardInterrupt")
def keyboard_interrupt(method, task):
    raise KeyboardInterrupt


@case("score", "KeyboardInterrupt")
def keyboard_interrupt_in_score(method, images, labels):
    raise KeyboardInterrupt


@case("learn", "RecursionError")
def recursion(method, task):
    recursion(method, task)


@case("learn", "EOFError.*ran out")
def end_of_file(method, task):
    raise EOFError("the method's own file ran out")


@case("learn", "ConnectionResetError.*its server")
def connection_reset(method, task):
    raise ConnectionResetError("its server hung up")


@case("learn", "BrokenPipeError.*its child")
def broken_pipe(method, task):
    raise BrokenPipeError("its child hung up")


@case("learn", "StopIteration")
def stop_iteration(method, task):
    next(iter(()))


@case("learn", "ExceptionGroup")
def exception_group(method, task):
    raise ExceptionGroup("many", [ValueError(str(i)) for i in range(50)])


@case("learn", "ValueError")
def circular_cause(method, task):
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@case("learn", "ClbenchError|ConfigError")
def error_of_the_harness(method, task):
    from clbench import ConfigError

    raise ConfigError("nothing fits", why="so it is", fix="no way")


@case("learn", "WorkerError|mine")
def error_of_the_supervisor(method, task):
    from clbench.runs.supervisor.pupil import WorkerError

    raise WorkerError("Finished", "mine")


@case("load_state_dict", "")
def raises_in_load_state_dict(method, state):
    raise ValueError("cannot load")  # is called by a run that goes on, and only there


# -- answers ----------------------------------------------------------------------------------------------


def _answer(make: Callable[..., Any]) -> Callable[..., Any]:
    def act(method: Any, images: Any, labels: Any) -> Any:
        import torch

        return make(torch, len(images), len(labels))

    return act


for _name, _make, _ends in (
    ("scores-none", lambda t, n, c: None, "MethodError.*NoneType"),
    ("scores-list", lambda t, n, c: [[0.0] * c] * n, "MethodError.*list"),
    ("scores-array", lambda t, n, c: t.zeros(n, c).numpy(), "MethodError.*ndarray"),
    ("scores-text", lambda t, n, c: "class 1", "MethodError.*str"),
    ("scores-integers", lambda t, n, c: t.zeros(n, c, dtype=t.int64), "MethodError.*int64"),
    ("scores-complex", lambda t, n, c: t.zeros(n, c, dtype=t.complex64), "MethodError.*complex"),
    ("scores-one-row-less", lambda t, n, c: t.zeros(n - 1, c), "MethodError.*shape"),
    ("scores-one-column-more", lambda t, n, c: t.zeros(n, c + 1), "MethodError.*shape"),
    ("scores-scalar", lambda t, n, c: t.tensor(1.0), "MethodError.*shape"),
    ("scores-empty", lambda t, n, c: t.zeros(0), "MethodError.*shape"),
    ("scores-nan", lambda t, n, c: t.full((n, c), float("nan")), "NotFiniteError"),
    ("scores-infinite", lambda t, n, c: t.full((n, c), float("inf")), "NotFiniteError"),
    (
        "scores-one-nan",
        lambda t, n, c: t.zeros(n, c).index_fill(0, t.tensor([0]), float("nan")),
        "NotFiniteError",
    ),
    (
        "scores-too-large-for-float32",
        lambda t, n, c: t.full((n, c), 1e300, dtype=t.float64),
        "NotFiniteError",
    ),
    ("scores-on-meta", lambda t, n, c: t.zeros(n, c, device="meta"), "MethodError.*meta"),
    (
        "scores-sparse",
        lambda t, n, c: t.zeros(n, c).to_sparse(),
        "MethodError|NotImplementedError|RuntimeError",
    ),
    ("scores-on-no-gpu", lambda t, n, c: t.zeros(n, c, device="cuda:63"), "Error"),
):
    _cases(_name, "score", _ends, _answer(_make), replaces=True)


_cases(
    "scores-generator",
    "score",
    "MethodError.*generator",
    _answer(lambda t, n, c: (r for r in t.zeros(n, c))),
    replaces=True,
)
_cases(
    "scores-transposed",
    "score",
    "MethodError.*shape",
    _answer(lambda t, n, c: t.zeros(c + 1, n)),
    replaces=True,
)


def _as_it_should(method: Any, images: Any, labels: Any) -> Any:
    from clbench import FineTuning

    return FineTuning.score(method, images, labels)


@case("score", replaces=True)
def scores_that_want_gradients(method, images, labels):
    return _as_it_should(method, images, labels).detach().requires_grad_()


@case("score", replaces=True)
def scores_in_memory_that_is_used_again(method, images, labels):
    import torch

    found = _as_it_should(method, images, labels)
    room = vars(method).setdefault("room", torch.empty(4096))
    return room[: found.numel()].view_as(found).copy_(found)


@case("score", replaces=True)
def overwrites_the_images_that_it_is_shown(method, images, labels):
    found = _as_it_should(method, images, labels)
    images.zero_()
    return found


@case("score", "(Method|Type|Runtime|Index|NotFinite)Error", replaces=True)
def scores_a_lying_tensor(method, images, labels):
    import torch

    class Liar(torch.Tensor):
        @property
        def shape(self):
            return torch.Size([len(images), len(labels)])

        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            return torch.tensor(True)

    return torch.zeros(1).as_subclass(Liar)


@case("learned")
def keeps_its_answers_on_the_way_out(method, task):
    import atexit
    import threading

    threading._register_atexit(time.sleep, 3600)
    atexit.register(time.sleep, 3600)


# -- states -----------------------------------------------------------------------------------------------


@case("state_dict", "state", replaces=True)
def state_of_a_function(method):
    return {"f": lambda: 1}


@case("state_dict", "MethodError.*state_dict", replaces=True)
def state_of_an_own_class(method):
    return {"model": method.backbone.model.state_dict(), "self": Case(print, "", "")}


@case("state_dict", "state", replaces=True)
def state_none(method):
    return None


@case("state_dict", "state", replaces=True)
def state_that_contains_itself(method):
    state = {}
    state["state"] = state
    return state


@case("state_dict", "state", replaces=True)
def state_too_deep(method):
    state = {}
    for _ in range(5000):
        state = {"deeper": state}
    return state


@case("state_dict", "state|meta", replaces=True)
def state_on_meta(method):
    import torch

    return {"model": torch.zeros(3, device="meta")}


@case("learn", "RuntimeError|OSError")
def no_room_for_the_checkpoint(method, task):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as a full disk: a write ends half-way


# -- what does not belong to it ---------------------------------------------------------------------------


def _add(values: Any) -> None:
    import torch

    with torch.no_grad():
        values.add_(0.5)


@case("learned", "MethodError.*initial model")
def changes_initial_weights(method, task):
    _add(next(method.context.initial.model.parameters()))


@case("init", "MethodError.*initial model")
def changes_initial_weights_in_init(method):
    import gc

    from clbench.methods import Context

    for context in [each for each in gc.get_objects() if isinstance(each, Context)]:
        _add(next(context.initial.model.parameters()))


@case("score", "MethodError.*initial model")
def changes_initial_weights_in_score(method, images, labels):
    _add(next(method.context.initial.model.parameters()))


@case("learned", "MethodError.*initial model")
def changes_initial_buffers(method, task):
    buffers = dict(method.context.initial.model.named_buffers())
    for each in buffers.values():
        each.fill_(0)
    assert buffers, "there is a buffer"


@case("learned", "MethodError.*initial model")
def lets_the_initial_model_be_trained(method, task):
    method.context.initial.model.requires_grad_(True)


@case("learned", "MethodError.*initial model")
def puts_the_initial_model_into_training(method, task):
    method.context.initial.model.train()


@case("learned", "MethodError.*initial model")
def replaces_the_initial_model(method, task):
    method.context.initial.model = method.backbone.model


@case("learned")
def leaves_gradients_disabled(method, task):
    import torch

    torch.set_grad_enabled(False)


@case("learned")
def leaves_another_folder(method, task):
    os.chdir("/")


@case("learned")
def leaves_a_folder_that_is_gone(method, task):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)


@case("learned")
def leaves_another_default_type(method, task):
    import torch

    torch.set_default_dtype(torch.float64)


@case("learned")
def leaves_another_default_device(method, task):
    import torch

    torch.set_default_device("meta")


@case("learned")
def leaves_inference_mode(method, task):
    import torch

    torch.inference_mode().__enter__()


@case("learned")
def leaves_autocast_on(method, task):
    import torch

    torch.autocast("cpu", torch.bfloat16).__enter__()


@case("learned")
def leaves_other_threads(method, task):
    import torch

    torch.set_num_threads(2)


@case("learned")
def leaves_another_random_state(method, task):
    import random

    import numpy as np
    import torch

    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)


@case("learned")
def leaves_another_locale(method, task):
    import locale

    for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "C.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        break


@case("learned")
def leaves_signals_blocked(method, task):
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))


@case("learned")
def leaves_a_mask_that_forbids_all_files(method, task):
    os.umask(0o777)


@case("learned")
def leaves_numbers_that_raise(method, task):
    import numpy as np

    np.seterr(all="raise")


@case("learned")
def leaves_no_garbage_collected(method, task):
    import gc

    gc.disable()
    gc.freeze()


@case("learned")
def leaves_clocks_that_stand(method, task):
    time.time = time.monotonic = time.perf_counter = lambda: 0.0


@case("learn", "ValueError.*in the end")
def leaves_no_hook_for_errors(method, task):
    import traceback

    sys.excepthook = traceback.format_exception = traceback.print_exception = None
    raise ValueError("in the end")


@case("learned")
def leaves_warnings_as_errors(method, task):
    import warnings

    warnings.simplefilter("error")


@case("learned")
def leaves_signal_handlers(method, task):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, lambda *_: os._exit(8))


@case("learned")
def leaves_another_environment(method, task):
    os.environ.clear()
    os.environ["CLBENCH_CACHE"] = "/nowhere"


@case("learned")
def leaves_trace_function(method, task):
    sys.settrace(lambda *_: None)
    sys.setrecursionlimit(200)


@case("learned")
def leaves_stdout_closed(method, task):
    if task.key == "t0":
        sys.stdout.close()
        sys.stderr.close()
        os.close(1)
        os.close(2)


@case("learned")
def floods_stdout(method, task):
    if task.key == "t0":
        for _ in range(100):
            print("x" * 2**20)


@case("learn", "PrintedTooMuch")
def prints_without_end(method, task):
    while True:
        print("x" * 2**20)


@case("learned")
def forks_many(method, task):
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)


@case("learned")
def starts_many_programs(method, task):
    import subprocess

    for number in range(20):
        subprocess.Popen(["sleep", "3619"], start_new_session=bool(number % 2))


@case("learn", "WorkerError|ProcessExit|closed|Error")
def closes_its_connection(method, task):
    _connection().close()


@case("learn", "ValueError.*noted")
def error_with_endless_notes(method, task):
    error = ValueError("noted")
    for _ in range(1000):
        error.add_note("x" * 10_000)
    raise error


@case("learn", "closed|EOF|OSError|ProcessExit|Error")
def closes_every_file(method, task):
    os.closerange(0, 4096)


@case("learned", "ModuleNotFoundError|ImportError|ProcessExit|Error")
def empties_sys_modules(method, task):
    sys.modules.clear()


@case("learned", "ProcessExit|Error")
def breaks_builtins(method, task):
    import builtins

    builtins.len = builtins.isinstance = None


@case("learned")
def patches_the_evaluation(method, task):
    import clbench.runs.evaluation
    import clbench.runs.exam

    clbench.runs.evaluation.Evaluation.row = lambda self, stream, *_: (100.0,) * len(stream)
    clbench.runs.exam.Exam.mark = lambda self, *_: None


@case("learned")
def patches_the_records(method, task):
    import clbench.results.records
    import clbench.results.store

    clbench.results.records.measure = None
    clbench.results.store.write_record = lambda *_: None


@case("learned")
def patches_random_generators(method, task):
    import numpy as np

    np.random.default_rng = None


@case("learned", "Error")
def patches_torch(method, task):
    import torch

    torch.stack = torch.cat = None


@case("learned")
def leaves_a_thread_that_never_ends(method, task):
    import threading

    threading.Thread(target=time.sleep, args=(3600,)).start()


@case("learned")
def leaves_a_child_that_lives_on(method, task):
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)


@case("learned")
def leaves_a_program_that_lives_on(method, task):
    import subprocess

    subprocess.Popen(["sleep", "3613"])


@case("learned")
def leaves_a_daemon(method, task):
    import subprocess

    subprocess.Popen(["sleep", "3617"], start_new_session=True)


@case("learned", "WorkerError|MethodError|cannot be understood")
def forks_a_twin(method, task):
    os.fork()  # both go on, and both speak


@case("learn", "SIGKILL")
def kills_its_process_group(method, task):
    os.killpg(0, signal.SIGKILL)


@case("learn", "SIGKILL|ProcessExit|ended")
def kills_its_parent(method, task):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


# -- the connection ---------------------------------------------------------------------------------------


def _connection() -> Any:
    import gc
    from multiprocessing.connection import Connection

    return next(each for each in gc.get_objects() if isinstance(each, Connection) and not each.closed)


@case("learn", "cannot be understood")
def writes_garbage(method, task):
    os.write(_connection().fileno(), b"\x00\x00\x00\x10" + b"garbage garbage!" * 100)


@case("learn", "cannot be understood")
def writes_a_pickle(method, task):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, ("pickle-was-executed",)

    _connection().send(Bomb())
    time.sleep(30)


@case("learn", "cannot be understood")
def writes_a_giant_message(method, task):
    import struct

    os.write(_connection().fileno(), struct.pack("!i", -1) + struct.pack("!Q", 2**62))
    time.sleep(30)


@case("learn", "cannot be understood")
def writes_a_giant_text(method, task):
    text = b'["Progressed", {"phase": "' + b"x" * 30_000_000 + b'", "done": 1, "total": 2}]'
    _connection().send_bytes(len(text).to_bytes(4, "big") + text)
    time.sleep(30)


def _say(*replies: tuple[str, dict[str, Any]], arrays: bytes = b"") -> None:
    import json

    connection = _connection()
    for name, values in replies:
        text = json.dumps([name, values]).encode()
        connection.send_bytes(len(text).to_bytes(4, "big") + text + arrays)


@case("learn", "cannot be understood")
def says_ready_again(method, task):
    _say(("Taken", {"slot": 0}), ("Taken", {"slot": 99}))


@case("learn", "cannot be understood")
def says_nested_lists(method, task):
    text = b"[" * 200_000
    _connection().send_bytes(len(text).to_bytes(4, "big") + text)
    time.sleep(30)


@case("score", "cannot be understood")
def says_that_all_is_answered(method, images, labels):
    import io

    import numpy as np

    file = io.BytesIO()
    np.save(file, np.zeros(3, dtype=np.int32))
    np.save(file, np.zeros(3, dtype=np.float32))
    _say(("Answered", {"seconds": 0.0, "peak_memory": 0}), arrays=file.getvalue())


@case("score", "cannot be understood")
def says_an_array_of_terabytes(method, images, labels):
    import io

    import numpy as np

    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    _say(("Answered", {"seconds": 0.0, "peak_memory": 0}), arrays=file.getvalue())
    time.sleep(30)


@case("learn", "cannot be understood")
def says_that_it_learned_strangely(method, task):
    _say(
        (
            "Learned",
            {
                "learned": 1,
                "learn_seconds": ["long"],
                "trainable_parameters": [{}],
                "stored_parameters": [None],
                "generated_images": 0,
                "peak_memory": 0,
            },
        )
    )
    time.sleep(30)


@case("learn", "cannot be understood")
def says_that_it_learned_too_much(method, task):
    _say(
        (
            "Learned",
            {
                "learned": 10**6,
                "learn_seconds": [],
                "trainable_parameters": [],
                "stored_parameters": [],
                "generated_images": -4,
                "peak_memory": -1,
            },
        )
    )
    time.sleep(30)


@case("learn")
def reports_nonsense(method, task):
    for phase, done, total in (("", 0, 0), ("learn", 5, 0), ("x" * 100_000, -1, -2), ("\x1b[2J", 10**30, 1)):
        method.context.report(phase, done, total, float("nan"))


@case("learn")
def reports_without_end(method, task):
    for i in range(20_000):
        method.context.report(f"phase {i}", i, 20_000)


@case("learn")
def touches_without_end(method, task):
    for i in range(50):
        _say(*(("Touched", {"what": f"kind {i} {j}", "which": "x" * 1000}) for j in range(400)))


@case("declares", "declares", replaces=True)
def declares_objects(cls):
    return {"it": object()}


@case("declares", "declares", replaces=True)
def declares_none(cls):
    return None


@case("declares", "declares", replaces=True)
def declares_lists(cls):
    return {"it": [1, [2, {"three": 4}]], 5: 6}


@case("declares", "declares", replaces=True)
def declares_nan(cls):
    return {"it": float("nan")}


@case("declares", "declares", replaces=True)
def declares_megabytes(cls):
    return {f"it {i}": "x" * 10_000 for i in range(2_000)}


# -- files ------------------------------------------------------------------------------------------------


@case("learn")
def deletes_its_folder(method, task):
    import shutil

    shutil.rmtree(method.context.scratch.parent)


@case("learned")
def deletes_its_checkpoint(method, task):
    for path in method.context.scratch.parent.glob("*.pt"):
        path.unlink()


@case("score", "Error|cannot be")
def makes_a_file_of_its_folder(method, images, labels):
    import shutil

    folder = method.context.scratch.parent
    shutil.rmtree(folder)
    folder.write_text("a file")


@case("learned")
def forges_its_record(method, task):
    folder = method.context.scratch.parent
    (folder / "record.json").write_text('{"status": "finished"}')
    (folder / "rows").mkdir(exist_ok=True)
    (folder / "rows" / "001.npz").write_bytes(b"forged")
    (folder / "predictions.npz").write_bytes(b"forged")


@case("score", "Error|cannot be")
def makes_a_folder_of_its_record(method, images, labels):
    path = method.context.scratch.parent / "record.json"
    if path.is_file():
        path.unlink()
    path.mkdir(exist_ok=True)
    (path / "inside").touch()


@case("learned")
def empties_the_cache(method, task):
    import shutil

    from clbench.streams import cache_root

    shutil.rmtree(cache_root(), ignore_errors=True)  # others may be at it


@case("learned")
def changes_pixels_in_the_cache(method, task):
    from clbench.streams import cache_root

    for path in (cache_root() / "pixels").glob("*.npy"):
        with path.open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            file.write(b"\0" * 100)
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _other_runs(method: Any) -> list[Any]:
    own = method.context.scratch.parent
    return [path for path in own.parent.iterdir() if path.is_dir() and path != own]


@case("learned")
def removes_other_runs(method, task):
    import shutil

    for path in _other_runs(method):
        shutil.rmtree(path)


@case("learned")
def renames_other_runs(method, task):
    for path in _other_runs(method):
        path.rename(path.with_name(f"mine-{path.name}"))


@case("learn", "OSError.*No space left")
def fills_the_disk(method, task):
    import shutil

    room = method.context.scratch
    room.mkdir(parents=True, exist_ok=True)
    assert shutil.disk_usage(room).free < 2**30, "a small one"
    with (room / "large").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 2**16)


@case("learn", "Error")
def asks_for_a_gpu(method, task):
    import torch

    torch.zeros(1, device="cuda:63")


@case("learn", "ConfigError|reference")
def asks_for_what_it_has_not_declared(method, task):
    assert method.context.reference

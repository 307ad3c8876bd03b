"""Execute planned runs, one or several at once; one that fails is recorded as failed and stops no other."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from clbench.config import RunConfig
from clbench.events import Event, Progress
from clbench.plugins import Registry
from clbench.results.store import RECORD_FILE
from clbench.runs.sources import Sources
from clbench.runs.supervisor import starting
from clbench.runs.supervisor.course import Course, Listener, RunOutcome, run_folder
from clbench.runs.supervisor.mending import lost_record
from clbench.runs.supervisor.opening import Opener, in_this_process, open_process
from clbench.runs.supervisor.pupil import StoppedError
from clbench.runs.supervisor.sharing import Share, shares

__all__ = ["STALL_TIMEOUT", "execute"]

log = logging.getLogger(__name__)

STALL_TIMEOUT = 3600.0
"""Seconds of silence after which a run is given up, unless something else is asked for."""


def execute(
    registry: Registry,
    configs: Sequence[RunConfig],
    *,
    out: Path,
    listener: Listener | None = None,
    jobs: int | None = 1,
    in_process: bool | None = None,
    stall_timeout: float = STALL_TIMEOUT,
    sources: Sources | None = None,
) -> list[RunOutcome]:
    """Execute runs; one that fails, in whatever way, is recorded as failed and never stops the others.

    Each run's method learns and answers in a process of its own, which has no test labels.

    Args:
        registry: the plugins.
        configs: what to run, resolved.
        out: folder of all records.
        listener: told every event, also :class:`clbench.events.Progress`, which plugins are not told. Events
            come one at a time, but in several threads.
        jobs: how many runs at once; ``None``: as many as the machine has room for.
        in_process: run the methods in this process, one after another, for debuggers; nothing is kept apart
            then. Default: so for a registry that was put together by hand, whose plugins no other process can load.
        stall_timeout: seconds of a worker's silence after which its run fails; 0: never.
        sources: streams that are loaded already.

    Raises:
        KeyboardInterrupt: a person has stopped it; what is recorded is kept.
    """
    if in_process is None:
        in_process = registry.origin is None
    teller = _Teller(registry, listener)
    sources = sources or Sources(registry)
    if in_process:
        return [_here(sources, config, out, teller) for config in configs]
    if not all((run_folder(out, config) / RECORD_FILE).exists() for config in configs):
        starting.begin_server()  # loads torch while streams are read
    return _Office(sources, configs, out, teller, jobs, stall_timeout).run()


class _Teller:
    """Tells events to plugins and to the listener, one at a time."""

    def __init__(self, registry: Registry, listener: Listener | None) -> None:
        self._registry = registry
        self._listener = listener
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if not isinstance(event, Progress):
                self._registry.notify(event)
            if self._listener is not None:
                self._listener(event)


class _Office:
    """Runs at once, each with a worker's process and a thread that looks after it."""

    def __init__(
        self,
        sources: Sources,
        configs: Sequence[RunConfig],
        out: Path,
        tell: Listener,
        jobs: int | None,
        stall: float,
    ) -> None:
        self._sources = sources
        self._configs = configs
        self._out = out
        self._tell = tell
        self._stall = stall
        self._stop = threading.Event()
        self._shares: queue.SimpleQueue[Share] = queue.SimpleQueue()
        given = shares(configs, jobs)
        self._most = len(given)
        for share in given:
            self._shares.put(share)

    def run(self) -> list[RunOutcome]:
        with ThreadPoolExecutor(self._most, thread_name_prefix="run") as pool:
            futures = [pool.submit(self._course, config) for config in self._configs]
            try:
                left: set[Future[RunOutcome]] = set(futures)
                while left:  # with a time-out, so that Ctrl-C is heard
                    _, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise
            return [self._there(future.result()) for future in futures]

    def _there(self, outcome: RunOutcome) -> RunOutcome:
        """See whether a finished run is still as it was when other runs have ended."""
        lost = lost_record(outcome.path) if outcome.status == "finished" else ""
        if not lost:
            return outcome
        reason = f"{lost}\n  fix: run the same command again; see which run touched other runs"
        return RunOutcome(outcome.config, outcome.path, "failed", reason)

    def _course(self, config: RunConfig) -> RunOutcome:
        share = self._shares.get()
        try:
            opener = partial(open_process, share=share, stall=self._stall, stop=self._stop)
            return Course(
                self._sources, config, self._out, self._tell, opener, isolated=True, stop=self._stop
            ).execute()
        except StoppedError:
            raise
        except Exception as error:  # of the harness or a display; the other runs are to end as they would
            log.exception("%s seed %d", config.method, config.seed)
            reason = f"{type(error).__name__}: {error}"
            return RunOutcome(config, run_folder(self._out, config), "failed", reason)
        finally:
            self._shares.put(share)


def _here(sources: Sources, config: RunConfig, out: Path, tell: Listener) -> RunOutcome:
    """Run a method in this thread, with its supervisor in another."""

    def supervise(opener: Opener, stop: threading.Event) -> RunOutcome:
        return Course(sources, config, out, tell, opener, isolated=False, stop=stop).execute()

    return in_this_process(sources, supervise)

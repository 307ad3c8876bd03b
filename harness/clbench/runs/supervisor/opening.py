"""Open a worker: in a process of its own, or for debuggers in this one."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from clbench.plugins import Origin
from clbench.runs.sources import RunSources, Sources
from clbench.runs.supervisor import starting
from clbench.runs.supervisor.grounds import grounds_of
from clbench.runs.supervisor.pupil import Pupil, StoppedError
from clbench.runs.supervisor.sharing import Share
from clbench.runs.worker.surroundings import LOG_FILE, Assignment, Surroundings

__all__ = ["Opener", "Opening", "in_this_process", "open_process"]

T = TypeVar("T")


@dataclass(frozen=True)
class Opening:
    """What a worker is wanted for.

    Attributes:
        run: what the configuration names.
        folder: of the run, with its checkpoints.
        out: folder of all records.
        scratch: where the worker may write, and what it prints is kept.
        progress, touched: see :class:`clbench.runs.supervisor.pupil.Pupil`.
    """

    run: RunSources
    folder: Path
    out: Path
    scratch: Path
    progress: Callable[[str, int, int, float | None], None]
    touched: Callable[[str, str], None]

    def assignment(self, share: Share) -> Assignment:
        """What the worker is told first."""
        return Assignment(
            config=share.placed(self.run.config),
            task_keys=self.run.stream.keys,
            folder=self.folder,
            scratch=self.scratch / "scratch",
            log=self.scratch / LOG_FILE,
            threads=share.threads,
        )

    def pupil(
        self,
        connection: Connection,
        process: multiprocessing.process.BaseProcess | None,
        stall: float,
        stop: threading.Event,
    ) -> Pupil:
        """The worker behind a connection."""
        return Pupil(
            connection,
            process,
            log=self.scratch / LOG_FILE,
            progress=self.progress,
            touched=self.touched,
            stall=stall,
            stop=stop,
        )


Opener = Callable[[Opening], Pupil]


def open_process(opening: Opening, *, share: Share, stall: float, stop: threading.Event) -> Pupil:
    """Start the process of a worker.

    Args:
        share: what of the machine it may use.
        stall: seconds of silence after which it is given up; 0: never.
        stop: set when a person wants it to end.
    """
    registry = opening.run.sources.registry
    surroundings = Surroundings(
        environment=dict(os.environ),
        folder=str(Path.cwd()),
        origin=registry.origin or Origin(),
        grounds=grounds_of(opening.run, opening.out, (opening.folder, opening.scratch)),
    )
    process, connection = starting.start(
        "clbench.runs.worker.process:work", opening.assignment(share), surroundings
    )
    return opening.pupil(connection, process, stall, stop)


def in_this_process(sources: Sources, supervise: Callable[[Opener, threading.Event], T]) -> T:
    """Let a worker serve in this thread, and its supervisor in another; return what the supervisor does.

    Args:
        sources: streams that are loaded already.
        supervise: called with what opens the worker, and with what is set when it was interrupted.

    Raises:
        KeyboardInterrupt: as it comes.
    """
    from clbench.runs.workbench import Workbench
    from clbench.runs.worker.serving import serve

    workbench = sources if isinstance(sources, Workbench) else Workbench.sharing(sources)
    wanted: queue.SimpleQueue[tuple[Connection, Assignment] | None] = queue.SimpleQueue()
    stop = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def open_here(opening: Opening) -> Pupil:
        ours, theirs = multiprocessing.Pipe()
        wanted.put((theirs, opening.assignment(Share())))
        return opening.pupil(ours, None, 0, stop)

    def supervising() -> None:
        try:
            results.append(supervise(open_here, stop))
        except BaseException as error:
            errors.append(error)
        finally:
            wanted.put(None)

    thread = threading.Thread(target=supervising, name="supervisor")
    thread.start()
    try:
        while (work := wanted.get()) is not None:
            connection, assignment = work
            try:
                serve(connection, assignment, workbench)
            finally:
                connection.close()
    except BaseException:
        stop.set()
        raise
    finally:
        thread.join()
    if errors:
        raise KeyboardInterrupt if isinstance(errors[0], StoppedError) else errors[0]
    return results[0]

"""The zero-shot row: the initial model tested once per backbone, stream and protocol, shared by all runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clbench.runs.answers import remembered
from clbench.runs.evaluation import Answers, Evaluation
from clbench.runs.exam import Exam
from clbench.runs.messages import Ready
from clbench.runs.sources import RunSources
from clbench.runs.supervisor.pupil import Pupil

__all__ = ["initial_answers"]


def initial_answers(
    run: RunSources, ready: Ready, pupil: Pupil, *, folder: Path, progress: Callable[[int, int], None]
) -> Evaluation:
    """Answers of the initial model on every task and on data held out, from ``folder`` where they are kept.

    The files are keyed by data, prompts, weights and input transform, not by the order of the tasks. The
    worker that computes them has not run any code of its method yet.
    """
    config, stream = run.config, run.stream
    model = [ready.weights_digest, ready.transform.digest, config.precision]
    canonical = stream.ordered("canonical", sorted(stream.keys))

    def test(exam: Exam) -> Evaluation:
        return pupil.test(exam, progress, initial=True)[0]

    def of_stream() -> Evaluation:
        return test(Exam.of_stream(canonical, ready.transform, wide=True, batch=config.eval_batch))

    kept = remembered(folder, [stream.digests, *model], of_stream).answers
    columns = [canonical.keys.index(key) for key in stream.keys]
    answers = {k: Answers(a.own, a.best[:, columns], a.logit[:, columns]) for k, a in kept.items()}
    for held in run.held_out:

        def of_held(held=held) -> Evaluation:  # type: ignore[no-untyped-def]  # noqa: ANN001
            return test(Exam.of_held_out([held], ready.transform, batch=config.eval_batch))

        answers |= remembered(folder, [held.key, held.digest, *model], of_held, "held-out-").answers
    return Evaluation(answers)

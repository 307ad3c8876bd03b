"""Where Last stands beside rows that anyone understands: no learning, no forgetting, no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from clbench_mini.demands import by_order, value

__all__ = ["REFERENCES", "bounds"]

REFERENCES = ("zero-shot", "pixel-neighbour", "ridge", "independent", "joint")


def bounds(paths: Iterable[Path]) -> Iterator[str]:
    """Lines of the report: for each order Last of the references, and the methods below each of them."""
    yield "7. Last of the references, and the methods that are below them (means over seeds):"
    shown = False
    for order, by_method in by_order(list(paths)).items():
        last = {
            name: float(np.mean(values))
            for name, records in by_method.items()
            if (values := [v for r in records if (v := value(r, "last")) is not None])
        }
        for name in REFERENCES:
            if name not in last:
                continue
            shown = True
            methods = sorted((m for m in last if m not in REFERENCES), key=lambda m: last[m])
            below = [m for m in methods if last[m] < last[name]]
            said = "all methods" if len(below) == len(methods) > 0 else ", ".join(below) or "none"
            yield f"   order {order:2s} {name:15s} {last[name]:5.1f}   below it: {said}"
    if not shown:
        yield f"   no records: clbench run --methods {','.join(REFERENCES)}"

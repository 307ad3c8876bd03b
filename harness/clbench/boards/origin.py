"""Where a record is from, in words: code, packages, machine, weights, data."""

from __future__ import annotations

from clbench.boards.formats.wording import gibibytes
from clbench.config.options import as_typed
from clbench.results.records import Record

__all__ = ["origin_facts"]


def origin_facts(record: Record) -> dict[str, str]:
    """Return by title where the run comes from, what it took besides time, and what its method declares."""
    origin, spent, backbone = record.provenance, record.resources, record.backbone
    bias = "" if backbone.logit_bias is None else f"logit bias {backbone.logit_bias:.2f}, "
    facts = {
        "Run": record.run_id,
        "Method from": f"{record.method.distribution} {record.method.version}",
        "Commit of clbench": f"{origin.commit or 'unknown'}{' with changes' if origin.dirty else ''}",
        "Started": origin.started.isoformat(timespec="seconds"),
        "Finished": origin.finished.isoformat(timespec="seconds") if origin.finished else "not yet",
        "Machine": f"{origin.machine}, Python {origin.python}",
        "Packages": ", ".join(f"{name} {number}" for name, number in origin.versions.items()),
        "Plugins": ", ".join(f"{name} {number}" for name, number in origin.plugins.items()),
        "Backbone": f"{backbone.name}, {backbone.parameters:,} parameters, activation {backbone.activation}, "
        f"{bias}weights {backbone.weights_digest}",
    }
    facts |= {f"Images of {task}": place for task, place in sorted(origin.data.items())}
    if record.conduct is not None:
        facts["Kept apart"] = "a process of its own" if record.conduct.isolated else "no: --in-process"
        for what, which in record.conduct.touched.items():
            facts[f"Opened without being given: {what}"] = ", ".join(which)
    if record.generator:
        facts["Generator"] = record.generator
    if spent.generated_images:
        facts["Generated images"] = f"{spent.generated_images:,}"
    if spent.peak_memory_bytes is not None:
        facts["Peak memory"] = gibibytes(spent.peak_memory_bytes)
    return facts | {f"Declared: {name}": as_typed(value) for name, value in record.declared.items()}

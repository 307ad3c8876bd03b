"""The backbone of a record against the one that is installed; the only check that needs torch."""

from __future__ import annotations

from typing import Any

from clbench.errors import ClbenchError
from clbench.plugins import Registry
from clbench.results.records import Record
from clbench.specs import load_reference
from clbench.submissions.checks import Check, concluded, not_here, unchecked

__all__ = ["check_weights"]


def check_weights(record: Record, registry: Registry) -> Check:
    """The backbone's weights, activation and preprocessing are those of the fingerprint; loads it."""
    name, recorded = "weights", record.backbone
    try:
        backbone: Any = registry.find("backbone", recorded.name).spec
        model = load_reference(backbone.factory)("cpu")
    except (ClbenchError, OSError, ImportError) as error:
        return unchecked(name, not_here(f"the weights of {recorded.name}", error))
    pairs = (
        ("weights_digest", recorded.weights_digest, model.weights_digest),
        ("activation", recorded.activation, model.activation),
        ("parameters", recorded.parameters, sum(p.numel() for p in model.model.parameters())),
        ("preprocessing", record.fingerprint.fields.preprocessing, model.preprocessing.digest),
    )
    return concluded(
        name,
        f"weights, activation and preprocessing are those of {recorded.name} here",
        f"the model is not the {recorded.name} that is here",
        (f"{field} is {said} in the record and {true} here" for field, said, true in pairs if said != true),
    )

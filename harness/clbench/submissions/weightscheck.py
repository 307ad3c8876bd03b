"""The backbone of a record against the one that is installed; the only check that needs torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from clbench.errors import ClbenchError
from clbench.models.backbonefiles import find_backbone
from clbench.plugins import Registry
from clbench.results.records import Record
from clbench.submissions.checks import Check, concluded, not_here, unchecked

__all__ = ["check_weights"]


def check_weights(record: Record, registry: Registry) -> Check:
    """The backbone's weights, activation and preprocessing are those of the fingerprint; loads it."""
    name, recorded = "weights", record.backbone
    theirs = record.config.get("backbone_file")
    wanted = theirs if isinstance(theirs, str) else recorded.name
    own = re.split(r"[/\\]", wanted)[-1] if wanted is theirs else ""
    try:
        # weights in a file of the user's are looked for where they were
        if own and not Path(wanted.partition(":")[2]).exists():
            return unchecked(name, f"the weights are of the submitter's own file {own}, which is not here")
        found = find_backbone(registry, wanted)
        if found.spec.name != recorded.name:
            return unchecked(name, f"{own} is {found.spec.name} here, and {recorded.name} in the record")
        model: Any = found.spec.build("cpu")
    except (ClbenchError, OSError, ImportError, ValueError) as error:
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

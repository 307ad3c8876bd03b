"""What this distribution contributes: the methods ``rail`` (primal) and ``rail-dual``."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_rail.traps import TRAPS

_PARTS = (NeedsPart("vision-transformer", when={"features": ("pre-projection",)}),)
_CITATION = (
    "Xu, Chen, Nie, Wang, Zhuang, Okumura. Advancing Cross-domain Discriminability in Continual Learning of "
    "Vision-Language Models. NeurIPS 2024."
)


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return both forms of RAIL: they differ in what they keep, so each has a card of its own."""
    return [
        MethodSpec(
            name="rail",
            title="RAIL (primal)",
            summary="Ridge regression on random hidden features of a frozen CLIP, updated without old data",
            factory="clbench_rail.method:PrimalRAIL",
            settings="clbench_rail.settings:PrimalSettings",
            parts=_PARTS,
            tuned={"mini": {"hidden": 2000}},
            citation=_CITATION,
            claims="clbench_rail:claims.toml",
            traps=TRAPS,
        ),
        MethodSpec(
            name="rail-dual",
            title="RAIL (dual)",
            summary="Kernel ridge regression on the kept features of all training images of a frozen CLIP",
            factory="clbench_rail.method:DualRAIL",
            settings="clbench_rail.settings:DualSettings",
            parts=_PARTS,
            assumptions=Assumptions(replay=True),
            citation=_CITATION,
            deterministic=True,
            claims="clbench_rail:claims.toml",
            traps=TRAPS,
        ),
    ]

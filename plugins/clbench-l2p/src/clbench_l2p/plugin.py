"""What this distribution contributes: the methods ``l2p`` and ``l2p-vote``."""

from __future__ import annotations

from clbench import Assumptions, MethodSpec, NeedsPart, hookimpl

from clbench_l2p.traps import TRAPS

_CITATION = (
    "Wang, Zhang, Lee, Zhang, Sun, Ren, Su, Perot, Dy, Pfister. Learning to Prompt for Continual Learning. "
    "CVPR 2022."
)
# As many prompts as tasks times top_k, as in the authors' configuration for five data sets; their rate at
# batches of 32.
_PARTS = (NeedsPart("vision-transformer"), NeedsPart("class-token"))  # prompts stand before the class token
_MINI = {"iterations": 40, "batch_size": 32, "lr": 0.00375, "pool_size": 20, "length": 4, "top_k": 2}


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return L2P with prompts chosen by each image, and with a vote of the batch as its authors run it."""
    return [
        MethodSpec(
            name="l2p",
            title="L2P",
            summary="Frozen CLIP; each image picks prompts from a pool and puts them before its patches",
            factory="clbench_l2p.method:L2P",
            settings="clbench_l2p.settings:L2PSettings",
            parts=_PARTS,
            tuned={"mini": _MINI},
            citation=_CITATION,
            traps=TRAPS,
        ),
        MethodSpec(
            name="l2p-vote",
            title="L2P (vote)",
            summary="L2P, all images of a batch taking the prompts that most of them pick",
            factory="clbench_l2p.method:L2PVote",
            settings="clbench_l2p.settings:L2PSettings",
            parts=_PARTS,
            tuned={"mini": _MINI},
            assumptions=Assumptions(task_identity="inferred"),
            citation=_CITATION,
            traps=TRAPS,
        ),
    ]

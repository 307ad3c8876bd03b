"""Where L2P's paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_AT = "github:google-research/l2p (commit 3e102b0)"

TRAPS = (
    Trap(
        id="batch-vote",
        where="method",
        published="l2p-vote",
        intended="l2p",
        published_says="The prompts that most images of a batch choose serve all of them, in training and at "
        "test.",
        intended_says="Each image chooses its prompts by itself.",
        source=f"paper, section 4; models/prompt.py and configs/five_datasets_l2p.py, batchwise_prompt, "
        f"{_AT}",
    ),
    Trap(
        id="prompts-masked-by-task",
        switch="diversify",
        published="mask",
        intended="frequency",
        published_says="In training each task has prompts of its own, by its number, while the pool has "
        "some.",
        intended_says="In training prompts that served earlier tasks often look farther away.",
        source="paper, section 4, diversified prompt selection; models/prompt.py, prompt_mask, and "
        f"configs/five_datasets_l2p.py, use_prompt_mask, {_AT}",
    ),
    Trap(
        id="prompts-start-from-the-last",
        switch="warm_start",
        published=True,
        intended=False,
        published_says="A task's prompts start as copies of the prompts of the task before it.",
        intended_says="All prompts start where they were first drawn.",
        source=f"in the code alone; train_continual.py, shared_prompt_pool, {_AT}",
        off={"diversify": ("frequency", "none")},
    ),
)

"""Every metric that clbench computes by itself: name, title, formula and source. Imports nothing heavy.

Four are the standard of the field's MTIL papers. The others are *rivals*: other definitions found under the
same or similar names, there to compare a number from another paper or toolbox with. They are never shown
unless asked for, and their titles cannot be taken for a standard one.
"""

from __future__ import annotations

from clbench.specs import MetricSpec

__all__ = ["METRICS", "RIVALS"]

_ZSCL = "ZSCL (Zheng et al., ICCV 2023)"
_DIAZ = "Díaz-Rodríguez et al. 2018"  # arXiv:1810.13166
_LIBCONTINUAL = "LibContinual"  # github.com/RL-VIG/LibContinual, core/trainer.py


def _metric(name: str, title: str, summary: str, formula: str, source: str) -> MetricSpec:
    return MetricSpec(
        name=name,
        title=title,
        summary=summary,
        factory=f"clbench.results.metrics:{name}",
        formula=formula,
        source=source,
    )


def _rival(
    name: str, rival_of: str, title: str, summary: str, formula: str, source: str, *, images: bool = False
) -> MetricSpec:
    return MetricSpec(
        name=name,
        title=title,
        summary=summary,
        factory=f"clbench.results.rival_metrics:{name.replace('-', '_')}",
        higher_is_better=name != "forgetting-max",
        needs=("test_images",) if images else (),
        rival_of=rival_of,
        formula=formula,
        source=source,
    )


METRICS = (
    _metric(
        "transfer",
        "Transfer",
        "mean accuracy on tasks before they are learned",
        "mean over j ≥ 1 of mean over i < j of A[i, j]",
        _ZSCL,
    ),
    _metric(
        "average",
        "Average",
        "mean accuracy on all tasks over the whole stream",
        "mean over j of mean over i of A[i, j]",
        _ZSCL,
    ),
    _metric(
        "last",
        "Last",
        "mean accuracy on all tasks after the last one",
        "mean over j of A[T-1, j]",
        _ZSCL,
    ),
    _metric(
        "forgetting",
        "Forgetting",
        "mean change since a task was learned; negative: forgotten",
        "sum over j of (A[T-1, j] - A[j, j]) / (T-1)",
        "GIFT (Wu et al., CVPR 2025)",
    ),
)
"""The standard ones, in the order in which tables show them; ``A[i, j]`` is 0-based, as everywhere."""

RIVALS = (
    _rival(
        "transfer-rows",
        "transfer",
        "Transfer (row means)",
        "rows are averaged first, so that late rows with few tasks weigh more",
        "mean over i < T-1 of mean over j > i of A[i, j]",
        "averaging in the other order; in no paper",
    ),
    _rival(
        "transfer-pooled",
        "transfer",
        "Transfer (pooled)",
        "every entry above the diagonal weighs the same",
        "sum over i < j of A[i, j] / (T(T-1)/2)",
        f"forward transfer of {_DIAZ}, eq. 4",
    ),
    _rival(
        "average-seen",
        "average",
        "Average (seen tasks)",
        "after each task the mean over the tasks learned so far, then their mean",
        "mean over i of mean over j ≤ i of A[i, j]",
        f"average incremental accuracy; {_LIBCONTINUAL}, [Task] Overall Avg Acc",
    ),
    _rival(
        "average-seen-images",
        "average",
        "Average (seen images)",
        "as average-seen, but each test image weighs the same, not each task",
        "mean over i of (sum over j ≤ i of n[j] A[i, j]) / (sum over j ≤ i of n[j])",
        f"{_LIBCONTINUAL}, [Batch] Overall Avg Acc",
        images=True,
    ),
    _rival(
        "average-seen-pooled",
        "average",
        "Average (seen, pooled)",
        "every entry on and below the diagonal weighs the same",
        "sum over i ≥ j of A[i, j] / (T(T+1)/2)",
        f"accuracy of {_DIAZ}",
    ),
    _rival(
        "last-images",
        "last",
        "Last (images)",
        "each test image weighs the same, not each task",
        "(sum over j of n[j] A[T-1, j]) / (sum over j of n[j])",
        f"{_LIBCONTINUAL}, [Batch] Last Average Acc",
        images=True,
    ),
    _rival(
        "bwt",
        "",
        "BWT (GEM)",
        "backward transfer: the same number as Forgetting, under its older name",
        "sum over j < T-1 of (A[T-1, j] - A[j, j]) / (T-1)",
        "GEM (Lopez-Paz and Ranzato, NIPS 2017)",
    ),
    _rival(
        "bwt-pooled",
        "forgetting",
        "BWT (pooled)",
        "the change on every earlier task after every task, not at the end alone",
        "sum over i > j of (A[i, j] - A[j, j]) / (T(T-1)/2)",
        f"backward transfer of {_DIAZ}",
    ),
    _rival(
        "forgetting-max",
        "forgetting",
        "Forgetting (max)",
        "from the best accuracy since a task was learned; positive: forgotten",
        "mean over j < T-1 of (max over j ≤ i < T-1 of A[i, j]) - A[T-1, j]",
        "Riemannian Walk (Chaudhry et al., ECCV 2018)",
    ),
    _rival(
        "preserve",
        "",
        "Preserve (LEBA)",
        "mean accuracy on learned tasks after later ones; fits few figures of its paper",
        "sum over i > j of A[i, j] / (T(T-1)/2)",
        "LEBA, tables 1 and 2",
    ),
)
"""Other definitions; ``rival_of`` is the standard metric that one must not be taken for, if any."""

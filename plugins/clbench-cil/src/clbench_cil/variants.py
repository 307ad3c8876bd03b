"""The streams of this package, before any data are opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clbench import StreamSpec, TaskSummary
from clbench_mtil.steps import cuts, step_key, step_title
from clbench_mtil.traps import TEST_CROPS
from clbench_mtil.variants import BACKBONE

from clbench_cil.catalogue import DOMAINS, domain_classes, domain_sizes

__all__ = ["DOMAIN_ORDERS", "VARIANTS", "ClassIncremental", "domainnet_spec", "specs"]

DOMAIN_ORDERS: Mapping[str, tuple[str, ...]] = {
    # S-Prompts' iDomainNet and PINA's, by alphabet
    "s-prompts": DOMAINS,
    # RanPAC's main.py, one of the orders of later work
    "ranpac": ("real", "quickdraw", "painting", "sketch", "infograph", "clipart"),
}
"""Orders of domains in published code."""


@dataclass(frozen=True, slots=True)
class ClassIncremental:
    """A class-incremental stream.

    Attributes:
        key: of the data set.
        classes: so many of its classes.
        base, increment: number of classes in the first task, and in each later one.
        train: training images of a class; ``None``: of each another number, which no source lists.
        order: name of the order in which classes come.
        used_by: whose code has this stream.
    """

    key: str
    title: str
    classes: int
    base: int
    increment: int
    train: int | None
    order: str
    used_by: str

    @property
    def name(self) -> str:
        number = "" if self.key == "tinyimagenet" else self.classes
        return f"{self.key}{number}-{self.base}-{self.increment}"

    @property
    def tasks(self) -> list[tuple[int, int]]:
        """First and last + 1 of each task's classes."""
        return cuts(self.classes, self.base, self.increment)

    def spec(self) -> StreamSpec:
        """What the plugin contributes."""
        later = len(self.tasks) - 1
        first = f"{self.base} classes, then " if self.base != self.increment else ""
        times = f"{later} times " if first else f"{later + 1} times "
        tasks = tuple(
            TaskSummary(
                key=step_key(index),
                title=step_title(start, end),
                classes=end - start,
                train=None if self.train is None else self.train * (end - start),
                test=50 * (end - start),
                templates=1,
                source=f"{self.title}'s train and val",
            )
            for index, (start, end) in enumerate(self.tasks)
        )
        return StreamSpec(
            name=self.name,
            title=f"{self.title}, {self.base}-{self.increment}",
            summary=f"class-incremental: {first}{times}{self.increment} classes; {self.used_by}",
            factory="clbench_cil.stream:build_increments",
            arguments=(self.name,),
            variables="clbench_cil.circumstances:deciding",
            tasks=tasks,
            orders={self.order: tuple(task.key for task in tasks)},
            default_order=self.order,
            default_backbone=BACKBONE,
            reference="conceptual-captions",
            class_pool=None,
            generator="sd15",
            protocol="cil",
            label_space="seen",
            traps=(TEST_CROPS,),
        )


def _variants() -> dict[str, ClassIncremental]:
    authors = "in the class order of ZSCL's and MoE-Adapters' code"
    found = [
        ClassIncremental("tinyimagenet", "TinyImageNet", 200, 100, increment, 500, "authors", authors)
        for increment in (5, 10, 20)
    ]
    found += [
        ClassIncremental(
            "imagenet", f"ImageNet{classes}", classes, base, increment, None, "seed-1993", "in PODNet's order"
        )
        for classes, base, increment in ((100, 10, 10), (100, 50, 5), (1000, 100, 100))
    ]
    return {variant.name: variant for variant in found}


VARIANTS: Mapping[str, ClassIncremental] = _variants()


def domainnet_spec() -> StreamSpec:
    """Domain-incremental DomainNet."""
    classes = len(domain_classes())
    return StreamSpec(
        name="domainnet",
        title="DomainNet",
        summary=f"domain-incremental: the same {classes} classes in six domains, cleaned version",
        factory="clbench_cil.stream:build_domainnet",
        variables="clbench_cil.circumstances:deciding",
        tasks=tuple(
            TaskSummary(
                key=domain,
                title=domain.capitalize(),
                classes=classes,
                train=domain_sizes(domain)["train"],
                test=domain_sizes(domain)["test"],
                templates=1,
                split="official lists",
                source="DomainNet, cleaned",
            )
            for domain in DOMAINS
        ),
        orders=DOMAIN_ORDERS,
        default_order="s-prompts",
        default_backbone=BACKBONE,
        reference="imagenet-100k",
        class_pool="imagenet-names",
        generator="sd15",
        protocol="dil",
        label_space="union",
        classes=classes,
    )


def specs() -> list[StreamSpec]:
    """All of them."""
    return [*(variant.spec() for variant in VARIANTS.values()), domainnet_spec()]

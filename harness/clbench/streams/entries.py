"""The form of a stream's YAML file, and its mistakes in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
)

from clbench.errors import did_you_mean

__all__ = ["ReferenceEntry", "StreamEntry", "TaskEntry", "mistakes"]


def _has_place(template: str) -> str:
    if "{}" not in template:
        raise ValueError(f"{template!r} has no place for the class name; write {{}} where it goes")
    return template


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# As plugins' names: they are typed on command lines and become names of folders.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$", max_length=1000)]
Text = Annotated[str, Field(min_length=1)]
Templates = Annotated[
    list[Annotated[str, AfterValidator(_has_place)]], BeforeValidator(_as_list), Field(min_length=1)
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class TaskEntry(_Entry):
    """One task: folders of the form ``FOLDER/CLASS/*.jpg``, and a table that names groups of test images."""

    key: Name
    title: Text | None = None
    train: Path
    test: Path
    val: Path | None = None
    classes: dict[str, Text] = Field(default_factory=dict)
    groups: Path | None = None
    templates: Templates | None = None


class ReferenceEntry(_Entry):
    """Reference images in a folder, and a table of captions with columns ``file_name`` and ``text``."""

    images: Path
    captions: Path


class StreamEntry(_Entry):
    """The file; ``tasks`` are :class:`TaskEntry`, read one by one."""

    name: Name
    title: Text | None = None
    backbone: Text
    templates: Templates | None = None
    orders: dict[Name, list[Text]] = Field(default_factory=dict)
    tasks: list[Any] = Field(min_length=2)
    reference: (
        Annotated[
            Annotated[str, Tag("name")] | Annotated[ReferenceEntry, Tag("folder")],
            Discriminator(lambda value: "name" if isinstance(value, str) else "folder"),
        ]
        | None
    ) = None
    class_pool: Text | None = None
    generator: Text | None = None
    label_space: Literal["task", "seen", "union"] = "task"
    shared_classes: bool = False

    @field_validator("orders")
    @classmethod
    def _random_is_taken(cls, orders: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in orders:
            if name.startswith("random-"):
                raise ValueError(f"{name!r}: random-SEED is the name of random orders")
        return orders


_WANTED = {
    "string_pattern_mismatch": "no name: letters and digits with - _ + between them, no spaces",
    "model_type": "no mapping of keys to values",
    "dict_type": "no mapping of keys to values",
    "list_type": "no list",
    "string_type": "no text",
}


def mistakes(error: ValidationError, model: type[BaseModel], where: str = "") -> Iterator[str]:
    """What is wrong, a line each, with near names where a key is unknown."""
    for detail in error.errors(include_url=False):
        path = [str(part) for part in detail["loc"]]
        if path[:1] == ["reference"]:
            del path[1:2]  # the tag of the choice, which is no part of the file
        at = ": ".join(part for part in (where, ".".join(path)) if part)
        if detail["type"] == "extra_forbidden":
            inner = ReferenceEntry if len(path) > 1 and path[0] == "reference" else model
            known = tuple(inner.model_fields)
            near = did_you_mean(path[-1], known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            yield f"{at} is no key; {hint}the keys are {', '.join(known)}"
        elif detail["type"] == "missing":
            yield f"{at} is missing"
        elif detail["type"] == "too_short":
            yield f"{at}: at least {detail['ctx']['min_length']} are due"
        elif detail["type"] in _WANTED:
            yield f"{at}: {detail['input']!r} is {_WANTED[detail['type']]}"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            yield f"{at}: {message[:1].lower()}{message[1:]}" if at else message

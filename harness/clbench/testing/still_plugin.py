"""A plugin with one method that learns nothing, for tests of all that is not a method.

``Registry.of(tiny_plugin, still_plugin)`` runs ``still`` on the stream ``tiny``, no package needed.
"""

from __future__ import annotations

from clbench.hookspecs import hookimpl
from clbench.specs import MethodSpec

__all__: list[str] = []


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    return [
        MethodSpec(
            name="still",
            title="Still",
            summary="learns nothing",
            factory="clbench:Method",
            settings="clbench:Settings",
            protocol="zero_shot",
        )
    ]

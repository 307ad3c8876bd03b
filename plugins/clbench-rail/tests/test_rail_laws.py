"""The laws that every method and every plugin keep, for both forms of RAIL."""

from clbench.testing import method_laws, plugin_laws

test_plugin = plugin_laws("clbench-rail")
test_laws_primal = method_laws(
    "rail", settings={"hidden": 24, "block": 7, "features": "pre-projection", "augment": True}
)
test_laws_dual = method_laws("rail-dual")

"""The laws that every method and every plugin keep, for DIKI with both kinds of inference."""

from clbench.testing import method_laws, plugin_laws

SMALL = {"depth": 2, "length": 2, "steps": 3, "batch_size": 6}

test_plugin = plugin_laws("clbench-diki")
test_laws = method_laws("diki", settings=SMALL)
test_laws_per_sample = method_laws(
    "diki", settings=SMALL | {"inference": "per_sample", "score_scale": "dimension"}
)

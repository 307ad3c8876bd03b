"""The laws that every method and every plugin keep, for ZSCL."""

from clbench.testing import method_laws, plugin_laws

test_plugin = plugin_laws("clbench-zscl")
test_laws = method_laws(
    "zscl",
    settings={
        "iterations": 2,
        "warmup": 1,
        "lr": 1e-3,
        "batch_size": 6,
        "reference_batch_size": 6,
        "ensemble_interval": 2,
    },
)

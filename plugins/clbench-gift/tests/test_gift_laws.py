"""The laws that every method and every plugin keep, for GIFT."""

from clbench.testing import method_laws, plugin_laws

SMALL = {
    "iterations": 6,
    "warmup": 1,
    "lr": 1e-3,
    "batch_size": 6,
    "synthetic_batch_size": 6,
    "num_images": 8,
}
BUGS = {"static_awc": 2, "static_awc_unzeroed": True, "summed_in_place": True}

test_plugin = plugin_laws("clbench-gift")
test_laws = method_laws("gift", settings=SMALL)
test_laws_with_the_codes_bugs = method_laws("gift", settings=SMALL | BUGS)

"""The laws that every method and every plugin keep."""

from clbench.testing import method_laws, plugin_laws

test_plugin = plugin_laws("clbench-example")
test_laws = method_laws("l2-sp", settings={"iterations": 2, "batch_size": 6, "lr": 1e-3})

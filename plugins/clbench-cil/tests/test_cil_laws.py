"""The laws that every plugin keeps."""

from clbench.testing import plugin_laws

test_plugin = plugin_laws("clbench-cil")

"""The laws that every method and every plugin keep, for CLIP-KD."""

from clbench.testing import method_laws, plugin_laws

QUICK = {"iterations": 2, "warmup": 1, "lr": 1e-3, "batch_size": 6, "reference_batch_size": 6}
EVERYTHING = {"mfd": 1.0, "gd": 1.0, "afd": 1.0, "cross_kd": 1.0, "teacher": "previous"}

test_plugin = plugin_laws("clbench-clip-kd")
test_laws = method_laws("clip-kd", settings=QUICK)
test_laws_with_every_loss = method_laws("clip-kd", settings=QUICK | EVERYTHING)

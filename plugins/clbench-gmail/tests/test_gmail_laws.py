"""The laws that every method and every plugin keep, for GMAIL."""

from clbench.testing import method_laws, plugin_laws

test_plugin = plugin_laws("clbench-gmail")
test_laws = method_laws(
    "gmail",
    settings={
        "align_iterations": 2,
        "align_warmup": 1,
        "align_lr": 1e-2,
        "align_batch_size": 6,
        "num_images": 8,
        "iterations": 2,
        "warmup": 1,
        "lr": 1e-2,
        "batch_size": 6,
        "rehearsal_batch_size": 6,
    },
)

"""The laws that every method and every plugin keep, for the baselines and bounds."""

from clbench.testing import method_laws, plugin_laws

SMALL = {"iterations": 2, "warmup": 1, "lr": 1e-3, "batch_size": 6}

test_plugin = plugin_laws("clbench-baselines")
test_zero_shot = method_laws("zero-shot")
test_laws = method_laws("finetune", "joint", "independent", "wc", "wise-ft", settings=SMALL)
test_lwf = method_laws("lwf", settings=SMALL | {"reference_batch_size": 6})
test_lwf_earlier = method_laws(
    "lwf", settings=SMALL | {"reference_batch_size": 6, "distilled_classes": "earlier"}
)
test_icarl = method_laws(
    "icarl", settings=SMALL | {"exemplar_batch_size": 6, "memory": 9, "herding_images": 9}
)
test_nearest_mean = method_laws(
    "icarl",
    settings=SMALL
    | {"exemplar_batch_size": 6, "memory": 9, "herding_images": 9, "classifier": "nearest_mean"},
)
test_ewc = method_laws("ewc", settings=SMALL | {"fisher_samples": 4})
test_soup = method_laws("soup", settings=SMALL)
test_lwf_vr = method_laws("lwf-vr", settings=SMALL | {"reference_batch_size": 6, "texts": 12})
test_pixel_neighbour = method_laws("pixel-neighbour")
test_ridge = method_laws("ridge")

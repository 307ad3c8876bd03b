"""The laws that every method and every plugin keep, for MoE-Adapters with both kinds of inference."""

from clbench.testing import method_laws, plugin_laws

SMALL = {
    "iterations": 2,
    "warmup": 1,
    "batch_size": 6,
    "lr": 1e-2,
    "experts": 4,
    "bottleneck": 4,
    "features": "tokens",
    "autoencoder_augment": False,
    "code": 4,
    "autoencoder_iterations": 6,
    "reference_iterations": 6,
    "autoencoder_batch_size": 8,
    "threshold": "quantile",
    "quantile": 1.0,
}

test_plugin = plugin_laws("clbench-moe-adapters")
test_laws = method_laws("moe-adapters", settings=SMALL)
test_laws_per_sample = method_laws(
    "moe-adapters",
    settings=SMALL
    | {"inference": "per_sample", "features": "patches", "autoencoder_augment": True, "threshold": 10.0}
    | {"load_balance": 0.01, "frozen_among": "free"},
)

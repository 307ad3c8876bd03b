"""Which official package gives which name, for messages about names that are not installed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CATALOGUE"]

# A test keeps this in step with the plugins of this repository: no message may send a person to a
# package that does not exist, or call a name unknown that an official package gives.
_GIVEN: Mapping[str, Mapping[str, str]] = {
    "method": {
        "clbench-baselines": "zero-shot finetune joint independent wc wise-ft lwf lwf-vr icarl ewc soup "
        "pixel-neighbour ridge",
        "clbench-clip-kd": "clip-kd",
        "clbench-diki": "diki",
        "clbench-gift": "gift",
        "clbench-gmail": "gmail",
        "clbench-l2p": "l2p l2p-vote",
        "clbench-moe-adapters": "moe-adapters",
        "clbench-rail": "rail rail-dual",
        "clbench-zscl": "zscl",
    },
    "stream": {
        "clbench-mini": "mini",
        "clbench-mtil": "mtil mtil-1shot mtil-4shot mtil-5shot mtil-16shot mtil-coop mtil-coop-1shot "
        "mtil-coop-4shot mtil-coop-5shot mtil-coop-16shot mtil-fs odcl-cil odcl-cil-coop mtil-keeplora "
        "x-tail x-tail-codyra cifar100-10 cifar100-20 cifar100-50",
        "clbench-cil": "tinyimagenet-100-5 tinyimagenet-100-10 tinyimagenet-100-20 imagenet100-10-10 "
        "imagenet100-50-5 imagenet1000-100-100 domainnet",
    },
    "backbone": {
        "clbench-mini": "mini-clip",
        "clbench-mtil": "ViT-B-16.openai ViT-B-16.random ViT-B-32.openai ViT-B-32.random",
    },
    "generator": {"clbench-mini": "mini-diffusion", "clbench-gift": "sd15"},
    "dataset": {
        "clbench-mini": "mini-reference mini-names",
        "clbench-mtil": "imagenet imagenet-100k imagenet-names imagenet-val conceptual-captions cifar10",
    },
    "tracker": {
        "clbench-mlflow": "mlflow",
        "clbench-tensorboard": "tensorboard",
        "clbench-wandb": "wandb",
    },
}

CATALOGUE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        kind: {name: package for package, names in packages.items() for name in names.split()}
        for kind, packages in _GIVEN.items()
    }
)
"""The package of each name, by kind."""

"""clbench plugin: MTIL in both of its protocols, few-shot MTIL, X-TAIL and class-incremental CIFAR100."""

"""clbench plugin: ZSCL, zero-shot continual learning by distillation on reference data.

The pure parts, :mod:`clbench_zscl.losses` and :class:`clbench_zscl.ensemble.WeightEnsemble`, can be used on
their own; nothing is imported here, so that listings never load torch.
"""

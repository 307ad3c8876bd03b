"""clbench plugin: RAIL, recursive ridge regression on frozen CLIP features (Xu et al., NeurIPS 2024).

The pure parts, :class:`clbench_rail.ridge.RecursiveRidge`, :class:`clbench_rail.kernel.KernelRidge` and
:func:`clbench_rail.fusion.fuse`, can be used on their own; nothing is imported here, so that listings never
load torch.
"""

"""clbench plugin: MoE-Adapters (Yu et al., CVPR 2024).

The parts can be used on their own: :mod:`clbench_moe_adapters.gating` (noisy top-k gates),
:mod:`clbench_moe_adapters.blocks` (a transformer block with a mixture of adapters),
:mod:`clbench_moe_adapters.autoencoder` and :mod:`clbench_moe_adapters.selection` (which task an image is of).
Nothing is imported here, so that listings never load torch.
"""

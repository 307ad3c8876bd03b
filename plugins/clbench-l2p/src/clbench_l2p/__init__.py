"""clbench plugin: L2P, a pool of prompts chosen by keys (Wang et al., CVPR 2022)."""

"""DIKI for clbench: prompts in a residual attention branch over a frozen CLIP (Tang et al., ECCV 2024)."""

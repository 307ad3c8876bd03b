"""clbench plugin: baselines."""

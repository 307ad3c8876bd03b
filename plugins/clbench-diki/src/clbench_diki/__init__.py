"""clbench plugin: diki."""

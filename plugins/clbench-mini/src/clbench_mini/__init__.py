"""clbench plugin: mini."""

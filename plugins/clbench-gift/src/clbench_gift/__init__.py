"""clbench plugin: gift."""

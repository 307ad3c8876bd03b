"""clbench plugin: zscl."""

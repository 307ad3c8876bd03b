"""clbench plugin: L2-SP."""

"""clbench plugin: baselines and bounds, all in the training recipe of ZSCL's authors."""

"""Live tracking of clbench's runs with Weights & Biases."""

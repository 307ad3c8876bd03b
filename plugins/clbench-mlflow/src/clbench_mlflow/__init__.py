"""Live tracking of clbench's runs with MLflow."""

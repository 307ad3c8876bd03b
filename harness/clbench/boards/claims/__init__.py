"""Published figures beside recorded runs."""

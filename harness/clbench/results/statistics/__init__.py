"""Intervals, paired tests and ranks: one definition for cells, tests and pictures."""

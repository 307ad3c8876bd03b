"""The side of a run that holds the labels: starts workers, marks their answers, writes records. No torch."""

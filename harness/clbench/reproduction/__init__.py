"""From a published row to the run that is to give it: which row, what it takes, what it gave."""

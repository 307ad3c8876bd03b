"""Records sorted into what may be compared, and the rows of each table."""

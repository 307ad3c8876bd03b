"""What papers print: rows with their sources, in tables by protocol family."""

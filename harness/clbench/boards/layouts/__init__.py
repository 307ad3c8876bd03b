"""Ways to lay out a board: which rows and columns stand where, and what is said below them."""

"""Tables of traps: what is declared, and what was measured."""

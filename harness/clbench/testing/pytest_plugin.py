"""Fixtures for plugin tests; loaded by pytest through an entry point, so it imports nothing heavy."""

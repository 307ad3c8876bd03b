"""For plugin authors and for ourselves: small doubles, conformance checks, a pytest plugin."""

from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_reference, tiny_stream

__all__ = ["tiny_backbone", "tiny_context", "tiny_reference", "tiny_stream"]

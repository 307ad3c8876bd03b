"""What this package gives to clbench."""

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    """Return L2-SP."""
    return [
        MethodSpec(
            name="l2-sp",
            title="L2-SP",
            summary="fine-tuning with an L2 pull to the pre-trained weights",
            factory="clbench_example.method:L2SP",
            settings="clbench_example.settings:L2SPSettings",
            tuned={"mini": {"iterations": 50, "lr": 3e-4}},
            citation="Li, Grandvalet, Davoine. Explicit Inductive Bias for Transfer Learning. ICML 2018.",
        )
    ]

"""The laws that every method and every plugin keep, for L2P with and without a vote of the batch."""

from clbench.testing import method_laws, plugin_laws

SMALL = {"pool_size": 4, "length": 2, "top_k": 2, "iterations": 2, "batch_size": 6}

test_plugin = plugin_laws("clbench-l2p")
test_laws = method_laws("l2p", settings=SMALL)
test_laws_vote = method_laws(
    "l2p-vote", settings=SMALL | {"diversify": "frequency", "pooling": "prompt", "augment": False}
)

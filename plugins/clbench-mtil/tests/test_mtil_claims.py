"""Claims of plugins can be compared: their streams, protocols, orders and shots are those of this package."""

from __future__ import annotations

import pytest
from clbench.plugins import get_registry
from clbench.results.claims import Claim, load_claims
from clbench_mtil.plugin import clbench_backbones, clbench_streams
from clbench_mtil.variants import VARIANTS

STREAMS = {spec.name: spec for spec in clbench_streams()}
BACKBONES = {spec.name for spec in clbench_backbones()}


def claims():
    specs = [found.spec for found in get_registry().kind("methods").values()]
    for of_method in load_claims(specs).claims.values():
        for claim in of_method:
            if isinstance(claim, Claim) and not claim.incomparable and claim.stream != "mini":
                yield pytest.param(claim, id=f"{claim.method}-{claim.stream}-{claim.order}-{claim.row}")


@pytest.mark.parametrize("claim", claims())
def test_a_claim_is_about_a_stream_that_is_there(claim):
    spec = STREAMS[claim.stream]
    assert claim.protocol == spec.protocol
    assert claim.order in spec.orders
    assert claim.label_space == spec.label_space
    assert claim.backbone in BACKBONES
    if claim.shots != "any":
        assert claim.shots == (VARIANTS[claim.stream].shots or "full")


def test_there_are_claims():
    assert len(list(claims())) > 5

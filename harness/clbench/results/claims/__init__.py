"""Published figures, and what a record must have in common with one to be set beside it."""

from clbench.results.claims.comparability import NOT_STATED, Difference, differences_from
from clbench.results.claims.model import METRICS, AnyClaim, Claim, OtherClaim
from clbench.results.claims.reading import LoadedClaims, load_claims, read_claims

__all__ = [
    "METRICS",
    "NOT_STATED",
    "AnyClaim",
    "Claim",
    "Difference",
    "LoadedClaims",
    "OtherClaim",
    "differences_from",
    "load_claims",
    "read_claims",
]

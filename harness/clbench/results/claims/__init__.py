"""Published figures, and what a record must have in common with one to be set beside it."""

from clbench.results.claims.comparability import NOT_STATED, UNSET, Difference, differences_from, facts_apart
from clbench.results.claims.model import METRICS, AnyClaim, Claim, OtherClaim
from clbench.results.claims.reading import LoadedClaims, load_claims, read_claims

__all__ = [
    "METRICS",
    "NOT_STATED",
    "UNSET",
    "AnyClaim",
    "Claim",
    "Difference",
    "LoadedClaims",
    "OtherClaim",
    "differences_from",
    "facts_apart",
    "load_claims",
    "read_claims",
]

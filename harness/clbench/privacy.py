"""What stays at home: passwords and tokens in addresses and messages, and paths of the machine.

Messages, logs and records pass :func:`without_secrets`; what leaves the machine passes :func:`without_paths`,
too.
"""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "without_secrets"]

HIDDEN = "***"
"""Stands where something is not told."""

_WORTH_A_LOOK = re.compile(r"://|hf_|gh[pousr]_|github_pat_|AKIA|ASIA|eyJ|(?i:bearer|passw|secret|key|token)")
_RULES = (
    # s3://KEY:SECRET@bucket, https://TOKEN@host. A secret may have slashes; a port and a path are none.
    (re.compile(r"(?<=://)[^\s/@:'\"]*(?::(?!\d{1,5}(?:[/\s'\"]|$))[^\s@'\"]*)?@"), f"{HIDDEN}@"),
    # https://host/file?X-Amz-Signature=…&token=…
    (
        re.compile(
            r"(?i)(?<=[?&;])([\w.-]*(?:token|secret|passw(?:or)?d|pwd|sig|signature|credential|key(?:id)?|auth)=)"
            r"[^\s&;#'\"]+"
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)\b((?:\w*(?:secret|password|passwd)\w*|\w*(?:account|api|access)_?key(?:_?id)?|hf_token|"
            r"(?:auth|access)_?token)\s*=\s*)[^\s,;&'\"]+"
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (re.compile(r"(?i)\b((?:authorization\s*:\s*)?(?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\g<1>{HIDDEN}"),
    # Tokens that tell themselves: of the Hugging Face hub, GitHub, Amazon, and signed JSON.
    (re.compile(r"\bhf_[A-Za-z0-9]{16,}"), f"hf_{HIDDEN}"),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_)\w{16,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
)


def without_secrets(text: object) -> str:
    """Return ``text`` with ``***`` for passwords and tokens, in addresses or standing alone.

    What looks like none stays: a password that somebody uses as a folder's name is not known to be one.
    """
    said = str(text)
    if _WORTH_A_LOOK.search(said) is None:
        return said
    for pattern, instead in _RULES:
        said = pattern.sub(instead, said)
    return said

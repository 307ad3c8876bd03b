"""Passwords and tokens in texts: what looks so, what a name says is one, and those of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

__all__ = ["HIDDEN", "is_secret_name", "secrets_of_environment", "without_secrets"]

HIDDEN = "***"
"""Stands where something is not told."""

_WORTH_A_LOOK = re.compile(
    r"://|hf_|gh[pousr]_|github_pat_|AKIA|ASIA|eyJ|(?i:bearer|authorization|passw|secret|key|token)"
)
_NAMED = (
    r"(?:\w{0,40}(?:secret|password|passwd)\w{0,40}|\w{0,40}(?:account|api|access)_?key(?:_?id)?|hf_token|"
    r"(?:auth|access)_?token)"
)
_RULES = (
    # s3://KEY:SECRET@bucket, https://TOKEN@host. A secret may have slashes; a port and a path are none.
    (re.compile(r"(?<=://)[^\s/@:'\"]{0,128}(?::(?!\d{1,5}(?:[/\s'\"]|$))[^\s@'\"]{0,128})?@"), f"{HIDDEN}@"),
    # https://host/file?X-Amz-Signature=…&token=…
    (
        re.compile(
            r"(?i)(?<=[?&;])([\w.-]*(?:token|secret|passw(?:or)?d|pwd|sig|signature|credential|key(?:id)?|auth)=)"
            r"[^\s&;#'\"]+"
        ),
        rf"\g<1>{HIDDEN}",
    ),
    # NAME=VALUE, and as Python and JSON write it, "NAME": "VALUE".
    (re.compile(rf"(?i)\b({_NAMED}\s*=\s*)[^\s,;&'\"]+"), rf"\g<1>{HIDDEN}"),
    (
        re.compile(rf"(?i)\b({_NAMED}\s*=\s*|{_NAMED}['\"]\s*:\s*)(['\"])(?:(?!\2)[^\n])+\2"),
        rf"\g<1>\g<2>{HIDDEN}\g<2>",
    ),
    (
        re.compile(r"(?i)\b((?:(?:authorization\s*:\s*)?bearer|authorization\s*:\s*basic)\s+)[\w.~+/=-]{8,}"),
        rf"\g<1>{HIDDEN}",
    ),
    # Tokens that tell themselves: of the Hugging Face hub, GitHub, Amazon, and signed JSON.
    (re.compile(r"\bhf_[A-Za-z0-9]{16,}"), f"hf_{HIDDEN}"),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_)\w{16,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
)
# Of a setting, an option, an entry of a mapping. Prompts and transformers have tokens that are none.
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:passw(?:or)?d|passphrase|secret|(?:api|access|secret|private|account)[_-]?key|"
    r"(?:auth|access|api|hf|hub|bearer|login)[_-]?token|credentials?)$|^(?:token|pwd)$"
)
_SECRET_VARIABLE = re.compile(
    r"(?i)(?:token|secret|passw(?:or)?d|passphrase|credential|(?:api|access|private|account)_?key)(?!.*(?:path|file|dir)$)"
)
_PASSWORD_OF_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://[^\s/@:]*:([^\s/@]{6,})@")
_SHORTEST = 8  # what is shorter stands in too many words


def without_secrets(text: object, known: Sequence[str] | None = None) -> str:
    """Return ``text`` with ``***`` for passwords and tokens, in addresses or standing alone.

    What looks like none stays: a password that somebody uses as a folder's name is not known to be one.

    Args:
        text: to be told.
        known: what is a secret however it looks; default: :func:`secrets_of_environment`.
    """
    said = str(text)
    for secret in secrets_of_environment() if known is None else known:
        said = said.replace(secret, HIDDEN)
    if _WORTH_A_LOOK.search(said) is None:
        return said
    for pattern, instead in _RULES:
        said = pattern.sub(instead, said)
    return said


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a password or a token."""
    return _SECRET_NAME.search(name) is not None


def secrets_of_environment() -> tuple[str, ...]:
    """The values of environment variables whose names say that they are secrets, longest first."""
    found = set()
    for name, value in os.environ.items():
        if len(value) < _SHORTEST:
            continue
        if _SECRET_VARIABLE.search(name) and not re.search(r"\s", value):
            found.add(value)
        elif "://" in value:
            found.update(_PASSWORD_OF_ADDRESS.findall(value))
    return tuple(sorted(found, key=lambda value: (-len(value), value)))

"""Passwords and tokens are not told, and what is none is."""

from __future__ import annotations

import pytest
from clbench.privacy import without_secrets

S = "hunter2/and+more"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"s3://AKID:{S}@bucket/x", "s3://***@bucket/x"),
        ("cannot read https://user:pw@host:8080/a/b.", "cannot read https://***@host:8080/a/b."),
        ("https://hf_token@huggingface.co/x", "https://***@huggingface.co/x"),
        ("https://h/f?X-Amz-Signature=abc&X-Amz-Date=1", "https://h/f?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://h/f?a=1&token=abc", "https://h/f?a=1&token=***"),
        ("HF_TOKEN=abcdef clbench push", "HF_TOKEN=*** clbench push"),
        ("AWS_SECRET_ACCESS_KEY = abc/def+1", "AWS_SECRET_ACCESS_KEY = ***"),
        (
            "DefaultEndpointsProtocol=https;AccountKey=abc==;X=1",
            "DefaultEndpointsProtocol=https;AccountKey=***;X=1",
        ),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
        ("token hf_AbCdEfGhIjKlMnOpQrSt was refused", "token hf_*** was refused"),
        ("ghp_0123456789abcdefghij", "***"),
        ("key AKIAIOSFODNN7EXAMPLE", "key ***"),
    ],
)
def test_secrets_are_left_out(text: str, told: str) -> None:
    assert without_secrets(text) == told
    assert without_secrets(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/path@version",
        "s3://bucket/prefix@2",
        "https://openreview.net/forum?id=abc&author=me",
        "set HF_TOKEN to a token that may write",
        "--set l2p.key_lr=0.1 --set coop.tokens=16",
        "hf://datasets/ORG/NAME",
        "me@example.org",
        "basic settings of the method",
        "sha256=0123456789abcdef",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text

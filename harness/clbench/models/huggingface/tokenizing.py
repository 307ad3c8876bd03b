"""Tokenizers from files beside the weights: nothing is fetched, and nothing in them is executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clbench.errors import DataError
from clbench.models.huggingface.configuration import read_json

__all__ = ["LocalTokenizer", "local_tokenizer"]


class LocalTokenizer:
    """Texts → token ids (n, context), padded and cut at ``context``.

    Args:
        tokenizer: of the library ``tokenizers``; its length and padding are set here.
        context: length of a row.
        pad: the id that fills a row up.
        side: where a row is filled up.
        clean: what is done to a text before.
        exchanged: two ids that stand for one another, in what comes out.
        dropped: an id that is replaced by 0.
    """

    def __init__(
        self,
        tokenizer: Any,
        context: int,
        pad: int,
        *,
        side: str = "right",
        clean: Callable[[str], str] = str,
        exchanged: tuple[int, int] | None = None,
        dropped: int | None = None,
    ) -> None:
        tokenizer.enable_truncation(max_length=context)
        tokenizer.enable_padding(length=context, pad_id=pad, direction=side)
        self._tokenizer = tokenizer
        self._clean = clean
        self._exchanged = exchanged
        self._dropped = dropped

    def __call__(self, texts: Sequence[str]) -> Tensor:
        rows = self._tokenizer.encode_batch([self._clean(text) for text in texts])
        ids = torch.tensor([row.ids for row in rows], dtype=torch.int64)
        if self._exchanged is not None:
            one, other = self._exchanged
            ids = torch.where(ids == one, other, torch.where(ids == other, one, ids))
        if self._dropped is not None:
            ids = torch.where(ids == self._dropped, 0, ids)
        return ids


def local_tokenizer(
    folder: Path,
    context: int,
    vocabulary: int,
    *,
    clean: str | None = None,
    exchanged: tuple[int, int] | None = None,
    drops_separator: bool = False,
) -> LocalTokenizer:
    """The tokenizer of a folder.

    Args:
        folder: with ``tokenizer.json``, or CLIP's ``vocab.json`` and ``merges.txt``.
        context: tokens of a text.
        vocabulary: how many tokens the model knows.
        clean: open_clip's name of what is done to a text before; by default nothing, or what the class that
            ``tokenizer_config.json`` names does in transformers.
        exchanged: see :class:`LocalTokenizer`.
        drops_separator: whether the separator is replaced by 0.

    Raises:
        DataError: there is none, it cannot be read, or it is not the model's.
    """
    said = read_json(file) if (file := folder / "tokenizer_config.json").is_file() else {}
    special = read_json(file) if (file := folder / "special_tokens_map.json").is_file() else {}
    made_by = str(said.get("tokenizer_class", ""))
    tokenizer = _read(folder)
    most = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    if most >= vocabulary:
        raise DataError(
            f"the tokenizer in {folder} is not that of the model",
            why=f"it gives ids up to {most}, and the model knows {vocabulary} tokens",
            fix="put the files of the model's own tokenizer there",
        )
    if clean is None and made_by.startswith("Siglip"):
        clean = "canonicalize"
    return LocalTokenizer(
        tokenizer,
        context,
        _padding(tokenizer, said, special, folder),
        side="left" if said.get("padding_side") == "left" else "right",
        clean=_cleaning(clean) if clean else str,
        exchanged=exchanged,
        dropped=_id(tokenizer, _text(said, special, "sep_token")) if drops_separator else None,
    )


def _read(folder: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        if (file := folder / "tokenizer.json").is_file():
            return Tokenizer.from_file(str(file))
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            from transformers import CLIPTokenizerFast

            loaded = CLIPTokenizerFast.from_pretrained(str(folder), local_files_only=True)
            return loaded.backend_tokenizer
    except Exception as error:  # tokenizers raises plain Exception
        raise DataError(
            f"the tokenizer in {folder} cannot be read",
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="write it anew: AutoTokenizer.from_pretrained(…).save_pretrained(FOLDER)",
        ) from error
    pieces = [path.name for path in sorted(folder.glob("*.model"))]
    raise DataError(
        f"{folder} has no tokenizer",
        why=f"there is {pieces[0]}, which needs sentencepiece, but no tokenizer.json"
        if pieces
        else "neither tokenizer.json nor vocab.json with merges.txt is there",
        fix="write it, where the model is at hand: AutoTokenizer.from_pretrained(…).save_pretrained(FOLDER)",
    )


def _padding(tokenizer: Any, said: Mapping[str, Any], special: Mapping[str, Any], folder: Path) -> int:
    """The id of the padding; models that look at all positions depend on it."""
    named = _id(tokenizer, _text(said, special, "pad_token"))
    if named is not None:
        return named
    if tokenizer.padding is not None:
        return int(tokenizer.padding["pad_id"])
    end = _id(tokenizer, _text(said, special, "eos_token") or "<|endoftext|>")
    if end is not None:
        return end
    raise DataError(
        f"the tokenizer in {folder} does not say with what texts are filled up",
        fix='name it in tokenizer_config.json: "pad_token": "…"',
    )


def _text(said: Mapping[str, Any], special: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name) or special.get(name)
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _id(tokenizer: Any, token: str | None) -> int | None:
    found: int | None = None if token is None else tokenizer.token_to_id(token)
    return found


def _cleaning(name: str) -> Callable[[str], str]:
    """What open_clip does to a text before it is cut into tokens; ``canonicalize`` is SigLIP's."""
    from open_clip.tokenizer import get_clean_fn

    clean: Callable[[str], str] = get_clean_fn(name)
    return clean

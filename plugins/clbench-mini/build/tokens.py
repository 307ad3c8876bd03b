"""Train a small byte-pair vocabulary on the captions, in the format of open_clip's SimpleTokenizer."""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

MERGES = 7_600
#: The split that SimpleTokenizer applies to cleaned, lower-cased text.
WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""

#: Prompts seen in pre-training; a batch draws one, the bare caption most often: short texts are cheap.
PROMPTS = (
    "{}",
    "a photo of a {}",
    "an icon of a {}",
    "a drawing of a {}",
    "a picture of a {}",
    "a symbol of {}",
    "an image of the {}",
    "a photo of a {}.",
)
PROMPT_ODDS = (0.54, 0.10, 0.08, 0.08, 0.05, 0.04, 0.04, 0.07)


#: The last prompt was added when the vocabulary had been learned, and the weights know that vocabulary.
VOCABULARY_PROMPTS = PROMPTS[:7]


def learn_merges(texts: Iterable[str], merges: int) -> list[str]:
    """Return "left right" merges in order; words end in `</w>` as CLIP's vocabulary has it.

    Pairs that are equally frequent are merged in the order of their letters' numbers. The trainer would
    number last letters as its hash table happens to give the words, so that no two runs were alike: they
    are numbered here, the most frequent first.
    """
    texts = list(texts)
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    ends: Counter[str] = Counter()
    for text, count in Counter(texts).items():
        for word, _ in splitter.pre_tokenize_str(text):
            ends[word[-1]] += count
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    last = [f"{letter}</w>" for letter in sorted(letters, key=lambda letter: (-ends[letter], letter))]
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(
        vocab_size=len(letters) + len(last) + merges,
        special_tokens=[*letters, *last],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = json.loads(tokenizer.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in learned][:merges]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work: Path = parser.parse_args().work
    captions = [caption for caption, _, _ in json.loads((work / "pairs.json").read_text())]
    prompts = [prompt.replace("{}", "") for prompt in VOCABULARY_PROMPTS for _ in range(2000)]
    merges = learn_merges([*captions, *prompts], MERGES)
    # No newline at the end: SimpleTokenizer would read it as one more, empty merge. The time in
    # the header would differ from run to run.
    with gzip.GzipFile(work / "bpe.txt.gz", "wb", mtime=0) as stream:
        stream.write("\n".join(["#version: mini-clip", *merges]).encode())
    print(f"{len(merges)} merges")


if __name__ == "__main__":
    main()

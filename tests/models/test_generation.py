"""The cache of generated images: made once, resumed, never taken for whole when it is not."""

from __future__ import annotations

import random
import shutil

import numpy as np
import PIL.Image
import pytest
import torch
from clbench.errors import DataError
from clbench.models import ImageGenerator
from clbench.models.generation import generated_images, generation_key


class Counting(ImageGenerator):
    """Images of one colour each; counts calls, draws from the global random states, may fail."""

    name, steps, guidance = "counting", 4, 2.0

    def __init__(self, digest="a", fail_at=None):
        self.digest = digest
        self.fail_at = fail_at
        self.calls = []

    def generate(self, prompts, seeds, *, steps=None, guidance=None, progress=None):
        self.calls.append((tuple(prompts), tuple(seeds), steps, guidance))
        if len(self.calls) == self.fail_at:
            raise KeyboardInterrupt
        random.random(), np.random.rand(), torch.rand(1)
        if progress is not None:
            progress(len(prompts))
        pairs = zip(prompts, seeds, strict=True)
        return [PIL.Image.new("RGB", (8, 8), (seed % 256, len(prompt), 7)) for prompt, seed in pairs]


def ask(model, cache, count=5, *, prompts=None, seeds=None, steps=None, guidance=None, progress=None):
    prompts = [f"thing {i}" for i in range(count)] if prompts is None else prompts
    seeds = range(10, 10 + len(prompts)) if seeds is None else seeds
    return generated_images(
        lambda: model, prompts, seeds, steps=steps, guidance=guidance, cache=cache, progress=progress
    )


def test_images_are_made_once_and_belong_to_their_prompts(tmp_path):
    model = Counting()
    first = ask(model, tmp_path)
    again = ask(model, tmp_path)
    assert len(model.calls) == 1
    assert model.calls[0][2:] == (4, 2.0)  # the generator's own defaults
    assert first.images.digest == again.images.digest
    assert again.prompts == tuple(f"thing {i}" for i in range(5))
    assert [again.images.image(i).getpixel((0, 0)) for i in range(5)] == [(10 + i, 7, 7) for i in range(5)]
    assert again.images.dataset["text"][:] == list(again.prompts)
    assert again.images.dataset["seed"][:] == list(range(10, 15))


def test_whatever_decides_the_images_is_in_the_key(tmp_path):
    base = ask(Counting(), tmp_path).key
    others = {
        ask(Counting("b"), tmp_path).key,
        ask(Counting(), tmp_path, prompts=["x", *(f"thing {i}" for i in range(1, 5))]).key,
        ask(Counting(), tmp_path, seeds=[9, 11, 12, 13, 14]).key,
        ask(Counting(), tmp_path, steps=5).key,
        ask(Counting(), tmp_path, guidance=3.0).key,
        ask(Counting(), tmp_path, count=4).key,
    }
    assert len(others | {base}) == 7


def test_the_key_is_of_values_not_of_types():
    model = Counting()
    one = generation_key(model, ["a"], [np.int64(3)], steps=np.int64(4), guidance=2)
    assert one == generation_key(model, ("a",), (3,), steps=4, guidance=2.0)


def test_a_killed_generation_goes_on_where_it_was(tmp_path):
    killed, later = Counting(fail_at=3), Counting()
    with pytest.raises(KeyboardInterrupt):
        ask(killed, tmp_path, 150)
    resumed = ask(later, tmp_path, 150)
    assert [len(prompts) for prompts, *_ in later.calls] == [150 - 2 * 64]
    whole = ask(Counting(), tmp_path / "other", 150)
    assert resumed.images.digest == whole.images.digest
    left = {path.name.removeprefix(resumed.key) for path in tmp_path.iterdir() if path.name != "other"}
    assert left <= {"", ".lock"}


def test_what_is_half_written_is_made_again(tmp_path):
    key = ask(Counting(), tmp_path / "elsewhere", 100).key
    for name in (f"{key}.tmp", f"{key}.parts/000000-000064.tmp"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "data-00000-of-00001.arrow").write_bytes(b"half")
    model = Counting()
    assert len(ask(model, tmp_path, 100).images) == 100
    assert len(model.calls) == 2


def test_random_states_are_as_if_nothing_had_been_generated(tmp_path):
    def drawn():
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        model = Counting()
        ask(model, tmp_path)
        return len(model.calls), random.random(), np.random.rand(), torch.rand(1).item()

    made, cached = drawn(), drawn()
    assert (made[0], cached[0]) == (1, 0)
    assert made[1:] == cached[1:]


def test_progress_counts_all_images(tmp_path):
    told = []
    ask(Counting(), tmp_path, 100, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (100, 100)
    assert told == sorted(told)
    assert {total for _, total in told} == {100}


def test_a_contact_sheet_is_kept_with_the_images(tmp_path):
    images = ask(Counting(), tmp_path)
    assert images.sheet.parent.name == images.key
    assert PIL.Image.open(images.sheet).width > 5 * 100


def test_a_generator_that_breaks_its_contract_is_named(tmp_path):
    class Short(Counting):
        def generate(self, prompts, seeds, **_):
            return super().generate(prompts[1:], seeds[1:])

    with pytest.raises(DataError, match="'counting' returned 4 images for 5 prompts"):
        ask(Short(), tmp_path)


def _changed(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["*.arrow", "state.json", "dataset_info.json", "digests.json"])
@pytest.mark.parametrize("damage", [_changed, lambda file: file.write_bytes(b""), lambda file: file.unlink()])
def test_damaged_images_are_made_again_with_a_word(tmp_path, name, damage, caplog):
    digest = ask(Counting(), tmp_path).images.digest
    images = ask(Counting(), tmp_path)
    [file] = (tmp_path / images.key).glob(name)
    damage(file)
    model = Counting()
    assert ask(model, tmp_path).images.digest == digest
    assert len(model.calls) == 1
    assert f"{images.key}" in caplog.text
    assert "made again" in caplog.text
    again = Counting()
    ask(again, tmp_path)
    assert not again.calls


def test_images_of_another_key_are_made_again(tmp_path, caplog):
    mine, other = ask(Counting(), tmp_path), ask(Counting("b"), tmp_path, 6)
    digest = mine.images.digest
    shutil.rmtree(tmp_path / mine.key)
    shutil.copytree(tmp_path / other.key, tmp_path / mine.key)
    assert ask(Counting(), tmp_path).images.digest == digest
    assert "it is the generated images of key" in caplog.text


def test_a_damaged_part_alone_is_made_again(tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        ask(Counting(fail_at=3), tmp_path, 150)
    [file] = tmp_path.glob("*.parts/000064-000128/*.arrow")
    _changed(file)
    model = Counting()
    assert len(ask(model, tmp_path, 150).images) == 150
    assert [len(prompts) for prompts, *_ in model.calls] == [64, 150 - 128]


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        ask(Counting(), tmp_path / "file" / "cache")


@pytest.mark.parametrize(("prompts", "seeds"), [([], []), (["a"], [1, 2])])
def test_prompts_and_seeds_must_match(tmp_path, prompts, seeds):
    with pytest.raises(ValueError, match="one seed each"):
        ask(Counting(), tmp_path, prompts=prompts, seeds=seeds)

"""The pool: what a query picks, how earlier use keeps tasks apart, and the vote of a batch."""

from __future__ import annotations

import pytest
import torch
from clbench_l2p.pool import PromptPool, majority
from hypothesis import given
from hypothesis import strategies as st


def pool(size: int = 6, top_k: int = 2, length: int = 3, seed: int = 0) -> PromptPool:
    return PromptPool(
        size=size,
        length=length,
        width=8,
        query_width=4,
        top_k=top_k,
        generator=torch.Generator().manual_seed(seed),
        device=torch.device("cpu"),
    )


def queries(count: int, seed: int = 5) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 4, generator=random), dim=-1)


def test_prompts_and_keys_start_uniform_and_small():
    one = pool(size=50, length=20)
    for values in (one.prompts.detach(), one.keys.detach()):
        assert float(values.min()) >= 0
        assert float(values.max()) < 0.01
    assert abs(float(one.prompts.detach().mean()) - 0.005) < 2e-4
    assert torch.equal(one.prompts, pool(size=50, length=20).prompts)
    assert not torch.equal(one.prompts, pool(size=50, length=20, seed=1).prompts)


@given(seed=st.integers(0, 2**31), top_k=st.integers(1, 6))
def test_the_nearest_keys_are_chosen(seed, top_k):
    one, q = pool(top_k=top_k, seed=seed), queries(5, seed)
    with torch.no_grad():
        one.keys.uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))
    chosen = one.choose(one.cosines(q))
    for row, picked in zip(q.double(), chosen.tolist(), strict=True):
        near = [float(row @ k / k.norm()) for k in one.keys.detach().double()]
        wanted = sorted(range(6), key=lambda i: -near[i])[:top_k]
        # Of two that are equally near, either may come first.
        assert [near[i] for i in picked] == pytest.approx([near[i] for i in wanted], abs=1e-6)


def test_the_length_of_a_key_has_no_part_in_it():
    one, q = pool(), queries(5)
    before = one.cosines(q).detach()
    with torch.no_grad():
        one.keys *= torch.tensor([1.0, 10.0, 0.1, 3.0, 7.0, 0.5])[:, None]
    torch.testing.assert_close(one.cosines(q).detach(), before)


def test_prompts_in_use_look_farther_away():
    one = pool(size=3, top_k=1)
    near = torch.tensor([[0.9, 0.8, 0.1]])
    assert one.choose(near).tolist() == [[0]]
    one.count(torch.tensor([[0], [0], [0], [1]]))
    # (3 + 1, 1 + 1, 0 + 1) / 7 times the distances 0.1, 0.2, 0.9
    torch.testing.assert_close(one.frequencies, torch.tensor([4.0, 2.0, 1.0]) / 7)
    assert one.choose(near + torch.tensor([[0.0, 0.05, 0.0]]), frequencies=one.frequencies).tolist() == [[1]]


def test_no_frequencies_before_the_first_task():
    assert pool().frequencies is None


def test_each_task_has_prompts_of_its_own_while_there_are_some():
    one = pool(size=5, top_k=2)
    assert one.own(0).tolist() == [0, 1]
    assert one.own(1).tolist() == [2, 3]
    assert one.own(2) is None  # only one is left


def test_warm_start_copies_the_prompts_of_the_task_before_and_no_keys():
    one, fresh = pool(size=5, top_k=2), pool(size=5, top_k=2)
    one.warm_start(0)
    assert torch.equal(one.prompts, fresh.prompts)
    one.warm_start(1)
    assert torch.equal(one.prompts[2:4], fresh.prompts[:2])
    assert torch.equal(one.prompts[:2], fresh.prompts[:2])
    assert torch.equal(one.keys, fresh.keys)
    before = one.prompts.detach().clone()
    one.warm_start(2)
    assert torch.equal(one.prompts, before)


def test_tokens_are_the_prompts_one_after_the_other():
    one = pool()
    tokens = one.tokens(torch.tensor([[4, 1], [0, 4]]))
    assert torch.equal(tokens[0], torch.cat([one.prompts[4], one.prompts[1]]))
    assert torch.equal(tokens[1], torch.cat([one.prompts[0], one.prompts[4]]))


def test_the_majority_of_a_batch():
    chosen = torch.tensor([[0, 3], [3, 2], [1, 3], [2, 0]])
    assert majority(chosen, 5).tolist() == [[3, 0]] * 4  # 0 and 2 have two picks each: the lower number
    everyone = torch.arange(400).reshape(100, 4)
    assert majority(everyone, 400).tolist() == [[0, 1, 2, 3]] * 100


def test_state_round_trip():
    one, other = pool(), pool(seed=9)
    one.count(torch.tensor([[1, 2]]))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.prompts, other.prompts)
    assert torch.equal(one.keys, other.keys)
    assert torch.equal(one.counts, other.counts)

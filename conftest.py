"""Settings that all tests share, those of the plugins too.

Tests are the same in each run: hypothesis draws its examples from the test's own name. ``--explore`` draws
others, with a seed that is printed and can be given again, and runs the tests marked ``explore`` besides.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Tests run in several processes: with a thread each they do not get into one another's way. Set before torch
# is imported, and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A slow machine must not fail a property; nor must examples found in an earlier run, which are not kept.
settings.register_profile("clbench", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, derandomize=False, database=None)
settings.load_profile("clbench")

# What runs where no -m is given.
USUAL = "not slow and not explore"
EXPLORED = "explore or hypothesis"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random exploration")
    group.addoption(
        "--explore",
        action="store_true",
        help="draw new random examples: all property tests, and the tests marked 'explore'",
    )
    group.addoption(
        "--explore-seed",
        type=int,
        metavar="N",
        help="the seed of --explore, to repeat what an earlier run printed (default: a new one)",
    )


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads its options
def pytest_configure(config: pytest.Config) -> None:
    option = config.option  # xdist hands these to its workers
    if option.explore and option.explore_seed is None:
        option.explore_seed = random.SystemRandom().randrange(2**32)
    option.explore = option.explore_seed is not None
    option.markexpr = option.markexpr or (EXPLORED if option.explore else USUAL)
    if option.explore:
        settings.load_profile("explore")
        option.hypothesis_seed = str(option.explore_seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.explore:
        terminalreporter.write_line(
            f"Explored at random; --explore-seed={config.option.explore_seed} draws the same again."
        )


@pytest.fixture(scope="session")
def explore_seed(pytestconfig: pytest.Config) -> int:
    """The seed for tests that draw at random by themselves: 0, or the one that ``--explore`` printed."""
    seed: int | None = pytestconfig.option.explore_seed
    return seed or 0


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep decoded and generated images of the tests out of the user's cache."""
    before = os.environ.get("CLBENCH_CACHE")
    os.environ["CLBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["CLBENCH_CACHE"]
    else:
        os.environ["CLBENCH_CACHE"] = before

"""Settings that all tests share, those of the plugins too.

Tests are the same in each run: hypothesis draws its examples from the test's own name. ``--explore`` draws
others, with a seed that is printed and can be given again, and runs the tests marked ``explore`` besides.
"""

from __future__ import annotations

import atexit
import gc
import os
import random
import re
import shutil
import site
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What a caller's shell may hold and a test must not see: it changes what programs print, where they look for
# files and credentials, and how they compute.
STRANGE = re.compile(
    r"COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR|COLORTERM|TTY_|JUPYTER_|JPY_|MPL"
    r"|LANG|LC_|PYTHONIOENCODING|PYTHONUTF8|PYTHONWARNINGS|SOURCE_DATE_EPOCH"
    r"|CLBENCH_(?!TEST_TOOLS)|XDG_|GIT_|HF_|HUGGING|TRANSFORMERS_|DIFFUSERS_|TORCH_HOME"
    r"|AWS_|WANDB_|MLFLOW_|SLURM_|(http|https|all|no)_proxy|(HTTP|HTTPS|ALL|NO)_PROXY"
    r"|OMP_|MKL_|OPENBLAS_NUM_THREADS"
)


def _environment_of_its_own() -> None:
    """Give all tests, and the commands they start, the same variables, home and time zone."""
    environment = os.environ
    if "PYTEST_XDIST_WORKER" in environment:
        return  # it has those of the process that started it
    if "NO_COLOR" in environment or environment.get("TERM") == "dumb":
        environment.setdefault("PY_COLORS", "0")  # pytest's own output stays as the caller wants it
    for name in [name for name in environment if STRANGE.match(name)]:
        del environment[name]
    # Tests run in several processes: with a thread each they do not get into one another's way.
    environment |= {"OMP_NUM_THREADS": "1", "TZ": "UTC", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    time.tzset()
    environment["PYTHONUSERBASE"] = site.getuserbase()  # packages may be there
    home = tempfile.mkdtemp(prefix="clbench-tests-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    environment["HOME"] = home


_environment_of_its_own()

# A slow machine must not fail a property; nor must examples found in an earlier run, which are not kept.
settings.register_profile(
    "clbench",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", parent=settings.get_profile("clbench"), derandomize=False)
settings.load_profile("clbench")

# What libraries set when they are imported, which may be during any test.
SET_BY_IMPORTS = (
    "PYTEST_CURRENT_TEST",
    "TOKENIZERS_PARALLELISM",
    "TORCHINDUCTOR_CACHE_DIR",
    "_MLFLOW_TELEMETRY_SESSION_ID",
)

# Temporary folders that go when the process ends: of the server that starts others, and of methods whose laws
# are tested one after another.
KEPT = ("clbench-server-", "clbench-laws-")

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


def _same_random_numbers() -> None:
    """Seed what draws without a seed of its own, so that no test depends on those before it."""
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(67280421310721)  # torch's own at its import, which may come during this test


def _state_of_the_process() -> dict[str, object]:
    """What a test must leave as it found it."""
    torch = sys.modules.get("torch")
    return {
        "the working directory": os.getcwd(),  # noqa: PTH109  (the folder as a text, whether it exists or not)
        "environment variables": {k: v for k, v in os.environ.items() if k not in SET_BY_IMPORTS},
        "sys.path": list(sys.path),
        "torch's threads": torch.get_num_threads() if torch else 1,
        "torch's default type": str(torch.get_default_dtype()) if torch else "torch.float32",
        "whether gradients are computed": torch.is_grad_enabled() if torch else True,
    }


def _temporary_files() -> set[str]:
    """What this process has in the system's temporary folder, by the names that clbench gives."""
    here = f"-{os.getpid()}-"
    return {each.name for each in Path(tempfile.gettempdir()).glob("clbench-*") if here in each.name}


@pytest.fixture(autouse=True)
def _alike_in_any_order() -> Iterator[None]:
    """Each test starts with the same random numbers, and fails if it leaves process or disk changed."""
    _same_random_numbers()
    before, files = _state_of_the_process(), _temporary_files()
    yield
    if _temporary_files() - files:
        gc.collect()  # what is kept by objects that nobody has any more goes with them
        if left := {name for name in _temporary_files() - files if not name.startswith(KEPT)}:
            pytest.fail(f"the test left in {tempfile.gettempdir()}: {sorted(left)}")
    after = _state_of_the_process()
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    if changed:
        os.chdir(str(before["the working directory"]))
        os.environ.clear()
        os.environ.update(before["environment variables"])  # type: ignore[call-overload]
        pytest.fail(f"the test left behind: {changed}")

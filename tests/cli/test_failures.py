"""Whatever ends a command is said in words, with an exit status, and without a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from clbench.cli.application import Application, main
from clbench.errors import refused
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records" / "I" / "gift-seed0"

DRY = ("run", "--methods", "zscl", "--dry-run")


def call(*words, command=main, **env):
    return CliRunner(env={"CLBENCH_DEBUG": "", **env}).invoke(command, list(words))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ["run", "--methods", "zscl", "--dry-run", "--config", "~nobody-of-that-name/c.yaml"],
            "cannot be read",
        ),
        (
            ["run", "--methods", "zscl", "--dry-run", "--stream", "~nobody-of-that-name/s.yaml"],
            "cannot be read",
        ),
        (
            [*DRY, "--backbone", "ViT-B-16:~nobody-of-that-name/w.pt"],
            "no user is called 'nobody-of-that-name' here",
        ),
        ([*DRY, "--order", "random-²"], "unknown order"),
        ([*DRY, "--backbone", f"ViT-B-16:{'x' * 300}"], "no file system has so long a name"),
        (["show", "run", "x" * 300], "too long"),
        (
            ["leaderboard", str(RECORDS), "-o", "/dev/null/x"],
            "/dev/null cannot be read or written\n  why: it is there, and is no",
        ),
        (
            ["plot", str(RECORDS), "-k", "matrix", "-o", "/dev/null/x"],
            "Not a directory",
        ),
        (["plot", str(RECORDS), "-k", "matrix", "-o", f"/tmp/{'x' * 300}"], "too long"),
    ],
)
def test_what_cannot_be_is_said(words, part):
    result = call(*words)
    assert result.exit_code in (1, 2), result.output
    assert part in result.output
    assert "does not know" not in result.output
    assert isinstance(result.exception, SystemExit)


@click.group(cls=Application)
def broken():
    pass


@broken.command("raise")
@click.argument("kind")
def _raise(kind):
    raise {
        "value": ValueError("odd"),
        "long": ValueError("x" * 2_000_000),
        "half": ValueError("\ud800 \x1b[2J"),
        "memory": MemoryError(),
        "depth": RecursionError("maximum recursion depth exceeded"),
        "full": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/there/file"),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("value", "an error that clbench does not know: ValueError: odd"),
        ("long", "does not know: ValueError: xxx"),
        ("half", "\\ud800 \\u001b[2J"),
        ("memory", "not enough memory"),
        ("depth", "RecursionError"),
        (
            "full",
            "/there/file cannot be read or written\n  why: No space left on device\n  fix: free",
        ),
    ],
)
def test_what_nobody_expected_is_said_to_be_a_mistake(kind, part):
    result = call("raise", kind, command=broken)
    assert result.exit_code == 1
    assert part in result.output
    assert len(result.output) < 50_000


def test_developers_see_where_it_came_from():
    result = call("raise", "value", command=broken, CLBENCH_DEBUG="1")
    assert isinstance(result.exception, ValueError)


def test_each_refusal_of_the_system_has_a_remedy():
    for number in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENOSPC, errno.EIO):
        error = refused(OSError(number, os.strerror(number), b"/a\xff"))
        assert error.what.startswith("/a")
        assert error.why == os.strerror(number)
        assert error.fix


@pytest.mark.parametrize("back_end", ["module://matplotlib_inline.backend_inline", "nonsense", "TkAgg"])
def test_figures_need_no_back_end(back_end, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "clbench", "plot", str(RECORDS), "-k", "matrix", "-o", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": back_end},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {file.suffix for file in tmp_path.iterdir()} == {".png", ".svg"}


@pytest.mark.parametrize("size", ["²", "0", "-3", "", "9" * 400, "wide"])
def test_sizes_that_no_terminal_has_are_passed_over(size):
    assert call("show", "method", "zscl", COLUMNS=size, LINES=size).exit_code == 0

"""What commands print is fit for the console: no foreign sequence, no character that ends the command."""

from __future__ import annotations

import io
import sys

import click
import pytest
from clbench.cli.application import Application
from clbench.cli.consoles import guarded
from clbench.cli.session import make_console
from clbench.errors import ConfigError
from click.testing import CliRunner

NASTY = "\x1b[2K\x1b[1Aname\x1b]0;title\x07\u202e\x9b31m\udc80"


def _app(said: str) -> click.Group:
    @click.group(cls=Application)
    def app() -> None: ...

    @app.command()
    def echo() -> None:
        click.secho(said, fg="green")
        click.echo(said, err=True)
        make_console().print(said, markup=False)

    @app.command()
    def fail() -> None:
        raise ConfigError(said)

    return app


def _printed(command: str, monkeypatch: pytest.MonkeyPatch, *, encoding: str, said: str = NASTY) -> str:
    """What reaches a terminal."""
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, terminal)
    _app(said).main([command], standalone_mode=False)
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("command", ["echo", "fail"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "gbk", "cp437"])
def test_only_colours_reach_the_terminal(
    command: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _printed(command, monkeypatch, encoding=encoding)
    assert "name" in said
    for sequence in ("\x1b[2K", "\x1b[1A", "\x1b]0", "\x07", "\u202e", "\x9b"):
        assert sequence not in said
    assert r"\u202e" in said


def test_colours_of_our_own_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32mgood\x1b[0m" in _printed("echo", monkeypatch, encoding="utf-8", said="good")


def test_a_console_that_lacks_a_sign_shows_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "v good +- 1 \\u72d7" in _printed("echo", monkeypatch, encoding="ascii", said="✓ good ± 1 狗")


def test_bars_of_downloads_may_go_back_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        print("10 %\r20 %\x1b[A", end="")
        print("10 %\r20 %\x1b[A\x1b[8m", end="", file=sys.stderr)
    out, err = capsys.readouterr()
    assert out == r"10 %\r20 %\u001b[A"
    assert err == "10 %\r20 %\x1b[A\\u001b[8m"


def test_streams_are_as_before_when_a_command_ends() -> None:
    before = sys.stdout, sys.stderr
    CliRunner().invoke(_app("x"), ["fail"])
    assert (sys.stdout, sys.stderr) == before

"""The command that does a recorded run again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from clbench.config.options import as_typed
from clbench.results.records import Record

__all__ = ["rerun_command", "rerun_remarks", "run_words"]

_SPACES = ["task", "seen", "union"]


def rerun_command(record: Record, *, every_setting: bool = False) -> str:
    """Return the ``clbench run`` line whose configuration is that of ``record``, quoted for a POSIX shell.

    All that decides the figures is said, defaults of the stream too; of the settings those that the user
    chose. With ``every_setting`` the tuned and the default values are spelled out as well, for a version of
    the method that has others. The number of threads decides the last bits, so it comes first.
    """
    config, method = record.config, record.method
    known = {
        "method": method.name,
        "stream": _text(config, "stream_file") or record.stream.name,
        "order": record.stream.order,
        "backbone": _text(config, "backbone_file") or record.backbone.name,
        "label_space": record.label_space,
        "held_out": ",".join(record.held_out),
        "generator": record.generator,
    }
    typed = {
        name: value
        for name, value in method.settings.items()
        if every_setting or method.settings_sources[name] == "user"
    }
    words = run_words({**config, **known}, str(record.seed), typed)
    threads, variables = record.provenance.threads, config.get("stream_variables")
    environment = [f"OMP_NUM_THREADS={threads}"] if threads else []
    if isinstance(variables, dict):
        environment += [f"{name}={shlex.quote(str(value))}" for name, value in variables.items()]
    return " ".join([*environment, shlex.join(words)])


def run_words(config: Mapping[str, Any], seeds: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the words of the ``clbench run`` line of a configuration, with these settings spelled out."""
    method = _text(config, "method")
    words = ["clbench", "run", "--methods", method]
    words += ["--stream", _text(config, "stream"), "--order", _text(config, "order")]
    words += ["--backbone", _text(config, "backbone"), "--seeds", seeds]
    for option in ("label_space", "device", "precision", "eval_batch", "batches", "held_out", "generator"):
        if text := _text(config, option):
            words += [f"--{option.replace('_', '-')}", text]
    for name, value in settings.items():
        words += ["--set", f"{method}.{name}={as_typed(value)}"]
    return words


def rerun_remarks(record: Record) -> tuple[str, ...]:
    """Return what the command alone does not bring back: code, versions, files; a line each."""
    origin = record.provenance
    remarks = []
    if origin.commit:
        changed = ", with changes that are not in it" if origin.dirty else ""
        remarks.append(f"recorded at commit {origin.commit} of clbench{changed}")
    versions = {**origin.versions, **origin.plugins}
    packages = ["clbench", *origin.plugins, "torch"]
    known = [f"{name} {versions[name]}" for name in packages if name in versions]
    if known:
        remarks.append(f"with {', '.join(known)} on Python {origin.python}, {origin.platform}")
    if _text(record.config, "stream_file"):
        remarks.append("the stream is a file of the user's, which is not part of the record")
    if _text(record.config, "backbone_file"):
        remarks.append("the weights are a file of the user's, which is not part of the record")
    spaces = record.config.get("label_spaces")
    if isinstance(spaces, list) and spaces != _SPACES:
        names = ", ".join(map(str, spaces))
        remarks.append(f"only the label spaces {names} were scored: label_spaces in a file for --config")
    return tuple(remarks)


def _text(config: Mapping[str, Any], name: str) -> str:
    value = config.get(name)
    return "" if value is None else str(value)

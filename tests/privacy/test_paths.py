"""No absolute path is left in a text that leaves the machine, and what is none stays."""

from __future__ import annotations

import re

import pytest
from clbench.privacy import paths_hidden, without_paths
from hypothesis import given
from hypothesis import strategies as st

FOLDER = st.from_regex(r"[a-zA-Zäé0-9_][\w.+@-]{0,8}", fullmatch=True).map(lambda name: f"q{name}")
NAME = st.from_regex(r"[a-zA-Z_][\w-]{0,8}\.(yaml|pt|txt)", fullmatch=True)
BLANKS = st.lists(FOLDER, min_size=1, max_size=3).map(" ".join)


@st.composite
def paths(draw, folder=FOLDER):
    folders, name = draw(st.lists(folder, min_size=1, max_size=4)), draw(NAME)
    root, between = draw(
        st.sampled_from([("/", "/"), ("C:\\", "\\"), ("\\\\", "\\"), ("d:/", "/"), ("~", "/")])
    )
    if root == "\\\\":
        folders = [draw(FOLDER), *folders]  # a server and its share
    return root + between.join([*folders, name]), folders, name


SENTENCES = (
    "{}",
    "cannot read {}",
    "cannot read {}: no such file",
    "[Errno 2] No such file or directory: '{}'",
    'File "{}", line 3, in learn\n    raise ValueError',
    "--set m.captions={} --out=x",
    "ViT-B-32:{}",
    "(see {}).",
    "see `{}`, and look",
    "{{'file': '{}', 'n': 1}}",
    "a/b {}\nand again {}",
)


@given(paths(), st.sampled_from(SENTENCES))
def test_nothing_but_the_last_name_is_left(path, sentence):
    path, folders, name = path
    told = without_paths(sentence.format(path, path))
    assert not any(folder in re.split(r"[^\wäé.+@-]", told) for folder in folders if folder != name)
    assert name in told
    assert without_paths(told) == told


@given(paths(BLANKS), st.sampled_from(SENTENCES[:6]))
def test_folders_may_have_blanks_in_their_names(path, sentence):
    path, folders, name = path
    told = without_paths(sentence.format(path))
    assert not any(folder in told for folder in folders if len(folder) > 3 and folder not in name)


@given(paths(BLANKS))
def test_values_in_values(path):
    path, _, name = path
    value = {"a": [{"b": (path, 1, None, True)}], path: 2.5}
    assert paths_hidden(value) == {"a": [{"b": (name, 1, None, True)}], name: 2.5}


def test_keys_that_become_the_same_stay_two():
    assert paths_hidden({"/a/x": 1, "/b/x": 2}) == {"x": 1, "x (2)": 2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/me/v/lib/python3.11/site-packages/torch/nn/m.py", "torch/nn/m.py"),
        ('File "/usr/lib/python3.11/json/decoder.py", line 3', 'File "python3.11/json/decoder.py", line 3'),
        ("/home/me/clbench/harness/clbench/runs/exam.py:3", "clbench/runs/exam.py:3"),
        ("/home/me", "~"),
        ("is in /Users/me.", "is in ~."),
        ("C:\\Users\\me", "~"),
        ("/root", "~"),
        ("file:///home/me/x.yaml", "file:x.yaml"),
        ("sqlite:////home/me/x.db", "sqlite:x.db"),
        ("cc -I/usr/include/x -o x", "cc -Ix -o x"),
        ("PATH=/usr/bin:/home/me/bin", "PATH=bin:bin"),
    ],
)
def test_named_forms(text, told):
    assert without_paths(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "runs/mini-I/x/record.json",
        "./x/y and ../z",
        "and/or, 1/2, 3 / 4, km/h, n/a",
        "https://example.org/a/b.zip?x=/y/z",
        "s3://bucket/prefix hf://datasets/ORG/NAME",
        "~/.cache/clbench",
        "<b>bold</b>",
        "torchvision 0.20, commit 1a2b3c: a\\b",
        "\\alpha + \\beta",
        "a ~ b",
    ],
)
def test_what_is_no_absolute_path_stays(text):
    assert without_paths(text) == text

"""Names of people and their homes, left out of what is handed on."""

from __future__ import annotations

import pytest

from mlenv.machine import people


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/data/anna/ml/lib", "~/ml/lib"),
        ("/data/anna", "~"),
        ("LD_LIBRARY_PATH=/data/anna/a:/data/anna/b", "LD_LIBRARY_PATH=~/a:~/b"),
        ("/data/annabel/ml", "/data/annabel/ml"),
        ("/mnt/data/anna/ml", "/mnt/data/user/ml"),
        ("/home/otto/ml", "/home/user/ml"),
        ("/scratch/anna/x and /scratch/annas/x", "/scratch/user/x and /scratch/annas/x"),
        ("anna is a word", "anna is a word"),
    ],
)
def test_what_is_written_instead(text: str, hidden: str) -> None:
    assert people.hidden(text, {"/data/anna"}, {"anna", "root", ""}, home="~") == hidden
    nested = {"key": [text, 3, None, (text,)]}
    assert people.hidden(nested, {"/data/anna"}, {"anna"}, home="~") == {
        "key": [hidden, 3, None, [hidden]]
    }


def test_root_is_no_persons_name() -> None:
    assert people.hidden("/mnt/root/x", {"/root"}, {"root"}) == "/mnt/root/x"
    assert people.hidden("/root/x", {"/root", ""}, {"root"}) == "/home/user/x"

"""CONTRIBUTING.md: whoever follows its steps for a check and a format gets one that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
STEP = re.compile(
    r"(?P<how>New file|In|At the end of)\s+`(?P<path>[^`]+)`"
    r"(?:,\s+(?P<side>below|above)\s+`(?P<anchor>[^`]+)`)?(?:,\s+add)?:\n\n"
    r"   ```\w+\n(?P<text>.*?)\n   ```",
    re.DOTALL,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the source and the tests."""
    for name in ("mlenv", "tests", "profiles", "constraints"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def steps(title: str) -> list[re.Match[str]]:
    """The blocks of one recipe that say what to write where."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", section, re.MULTILINE) == ["1", "2", "3", "4"]
    return list(STEP.finditer(section))


def follow(step: re.Match[str], tree: Path) -> Path:
    """Do what the step says; returns the file."""
    file = tree / step["path"]
    text = re.sub(r"^   ", "", step["text"], flags=re.MULTILINE)  # the list's own indentation
    if step["how"] == "New file":
        assert not file.exists()
        file.write_text(f"{text}\n", "utf-8")
        return file
    content = file.read_text("utf-8")
    if step["how"] == "At the end of":
        file.write_text(f"{content}\n{text}\n", "utf-8")
        return file
    line = f"{step['anchor']}\n"
    assert content.count(line) == 1, line
    new = f"{line}{text}\n" if step["side"] == "below" else f"{text}\n\n\n{line}"
    file.write_text(content.replace(line, new), "utf-8")
    return file


def passes(test: Path, tree: Path) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", test],
        cwd=tree, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode in (0, 1, 2), done.stdout.decode() + done.stderr.decode()
    return done.returncode == 0


@pytest.mark.parametrize("title", ["Add a check", "Add a transcript format"])
def test_the_steps_lead_to_a_test_that_passes(title: str, tree: Path) -> None:
    first, *rest = steps(title)
    test = follow(first, tree)
    assert not passes(test, tree)
    for step in rest:
        follow(step, tree)
    assert passes(test, tree), title


def test_every_recipe_has_four_steps_and_names_files_that_exist() -> None:
    titles = re.findall(r"^## (Add an? .+)$", PAGE, re.MULTILINE)
    assert titles == [
        "Add a check", "Add an error signature", "Add a profile", "Add a launcher",
        "Add a transcript format", "Add a command",
    ]  # fmt: skip
    for title in titles:
        steps(title)
    for name in re.findall(r"`((?:mlenv|tests|docs)/[\w/.-]+)`", PAGE):
        is_new = any(word in name for word in ("example", "NAME", "WING", "lrc"))
        assert is_new or (ROOT / name).exists(), name

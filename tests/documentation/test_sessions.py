"""What the pages show of a terminal is what the commands print.

With `MLENV_TEST_RECORD=1` the pages are written anew. Those that need the real environment are in
`tests/heavy/test_documentation.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from documentation.sessions import PAGES, Block, blocks, differences, rewrite, run
from tests.documentation.real_home import variables
from tests.support.fleets import gpus, with_packages, written
from tests.support.reports import recorded

RECORDS = bool(os.environ.get("MLENV_TEST_RECORD"))


def sessions(place: str) -> list[list[Block]]:
    """The blocks of one place, page by page."""
    pages = [[block for block in blocks(page) if block.place == place] for page in PAGES]
    return [page for page in pages if page]


def named(page: list[Block]) -> str:
    return str(page[0]).partition(":")[0]


def check(page: list[Block], home: Path, environ: dict[str, str]) -> None:
    """Run the blocks of a page one after another, and compare or record what they print."""
    for block in page:
        now = run(block, home, environ)
        if RECORDS and (differences(block, now) or not any(step.output for step in block.steps)):
            rewrite(block, now)
        elif not RECORDS:
            assert differences(block, now) == [], f"{block}\n{now.text()}"


def test_a_step_that_took_long_is_no_part_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    steps = "Examining the new environment ..\\ntiny.en on cpu ..\\nhealthy: yes\\n"
    page.write_text(f"```console\n$ printf '{steps}'\nhealthy: yes\n```\n")
    (block,) = blocks(page)
    assert run(block, tmp_path, variables()).steps == block.steps


@pytest.mark.parametrize("page", sessions("empty"), ids=named)
def test_in_an_empty_home(page: list[Block], home: Path) -> None:
    check(page, home, variables())


@pytest.mark.parametrize("page", sessions("hosts"), ids=named)
def test_with_the_snapshots_of_hosts(page: list[Block], home: Path) -> None:
    well, late = recorded("healthy"), timedelta(days=9)
    good, old = gpus(number=4), gpus("450.80.02", 11000, 4)
    hosts = {f"gpu{number:02}": replace(well, driver=good) for number in range(1, 13)}
    hosts["gpu04"] = replace(with_packages(well, scipy="1.15.3", triton=""), driver=old)
    hosts["gpu07"] = replace(well, driver=gpus(number=3))
    written(home / "hosts", hosts, [("gpu09", late)])
    (home / "hosts" / "gpu13.json").touch()
    (home / "hosts" / "README.md").touch()
    check(page, home, variables())


@pytest.mark.parametrize("page", sessions("small"), ids=named)
def test_with_a_small_environment(
    page: list[Block],
    provision: Callable[[Path], None],
    profile: Path,
    network: dict[str, str],
    home: Path,
) -> None:
    provision(profile)
    check(page, home, variables(**network))

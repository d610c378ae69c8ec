"""The documentation's site, as it is built."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tests.support.places import ROOT

pytestmark = pytest.mark.heavy


class Page(HTMLParser):
    """The ids of a page, and the addresses that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy: what Zensical keeps of an earlier build is not taken."""
    place = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", place / "docs")
    shutil.copy(ROOT / "zensical.toml", place)
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [zensical, "build", "--strict"], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return place / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """The pages, by their addresses in the site."""
    return {
        f"/{file.relative_to(site).as_posix()}".removesuffix("index.html"): Page(file.read_text())
        for file in sorted(site.rglob("*.html"))
        if file.name != "404.html"
    }


def test_it_has_a_page_for_each_source(pages: dict[str, Page]) -> None:
    sources = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    expected = {f"/{path.with_suffix('').as_posix()}/" for path in sources}
    assert pages.keys() == {re.sub(r"/index/$", "/", address) for address in expected}


def test_every_link_of_it_leads_to_a_page_and_a_heading(site: Path, pages: dict[str, Page]) -> None:
    lost = []
    for address, page in pages.items():
        for link in page.links:
            target = urlsplit(urljoin(f"http://site{address}", link))
            if target.netloc != "site" or target.scheme != "http":
                continue
            path = unquote(target.path)
            file = site / path.lstrip("/")
            is_there = path in pages or file.is_file()
            if not is_there or (target.fragment and target.fragment not in pages[path].ids):
                lost.append(f"{address}: {link}")
    assert lost == []


def test_it_asks_nobody_else_for_anything(site: Path) -> None:
    """No font, script or picture comes from another host."""
    sources = "".join(file.read_text("utf-8") for file in site.rglob("*.html"))
    tags = re.findall(r"<(?:script|img|iframe|link)\b[^>]+>", sources)
    loads = [tag for tag in tags if not re.search(r"\brel=\"?(canonical|next|prev|alternate)", tag)]
    assert [tag for tag in loads if re.search(r"(src|href)=\"?(https?:)?//", tag)] == []

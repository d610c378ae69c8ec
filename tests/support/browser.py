"""A real browser without a window, Chromium or Chrome, and pages opened in it from files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs import node_modules, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # slow to import: not for every test run

    options = ["--no-sandbox"] if os.getuid() == 0 else []
    binary = shutil.which("google-chrome") or program("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=binary, args=options)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """`opened(file, width=390, color_scheme="dark")`: the page.

    At the end it must have asked for nothing, and written nothing to the console.
    """
    contexts, trouble = [], list[str]()

    def open_page(file: Path, *, width: int = 1280, before: str = "", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("request", lambda request: _note(request.url, file, trouble))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def _note(url: str, file: Path, trouble: list[str]) -> None:
    if url != file.as_uri() and not url.startswith("data:"):
        trouble.append(f"request: {url}")


def faults(page: Page) -> list[str]:
    """What axe finds on the page as it is, one line for each kind."""
    page.add_script_tag(path=node_modules("axe-core") / "axe-core" / "axe.min.js")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['impact']}: {each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found["violations"]
    ]


def pasted(page: Page) -> str:
    """What is in the clipboard."""
    page.evaluate(
        "() => { const field = document.createElement('textarea'); field.id = 'pasted';"
        " document.body.prepend(field); field.focus(); }"
    )
    page.keyboard.press("Control+V")
    text: str = page.eval_on_selector("#pasted", "field => field.value")
    return text


def until(page: Page, condition: str) -> None:
    """Wait until a JavaScript expression is true (the page allows no `wait_for_function`)."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"never true: {condition}"
        page.wait_for_timeout(20)

"""The pages of `doctor --html` and `verify --html` in a real browser."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mlenv.cli.render import fleet as fleet_text
from mlenv.cli.render import fleet_page, verify_page
from mlenv.environment.receipts import Row
from mlenv.fleet import judge
from mlenv.progress import Silent
from tests.support.browser import Open, faults, pasted, until
from tests.support.fleets import H100, NOON, gpus, with_packages, written
from tests.support.reports import RECEIPT, doctor_html, recorded, verified
from tests.support.running import Run

pytestmark = pytest.mark.heavy

LOST = "cudnn9-sublib-not-on-loader-path"
COMMAND = "uv pip install --python ~/.venvs/broken/bin/python --no-deps --reinstall "
COMMAND += "nvidia-cudnn-cu12==9.1.0.70"
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
PAGES = ("healthy", "broken", "verify", "fleet")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")


def fleet_html(folder: Path) -> str:
    """The page of twenty hosts: drivers, packages and libraries differ, and some are broken."""
    well, broken = recorded("healthy"), recorded("broken")
    old, new = gpus("535.129.03", 12020, 8, H100), gpus("550.54.15", 12040, 8, H100)
    hosts = {f"gpu{number:02}": dataclasses.replace(well, driver=new) for number in range(1, 18)}
    hosts["gpu07"] = dataclasses.replace(well, driver=gpus("550.54.15", 12040, 7, H100))
    hosts["gpu11"] = with_packages(hosts["gpu11"], scipy="1.10", triton="", numpy="1.26.4")
    hosts |= {f"gpu{number}": dataclasses.replace(broken, driver=old) for number in (18, 19)}
    hosts["login"] = dataclasses.replace(well, quick=True, trial=())
    written(folder, hosts, [("gpu03", timedelta(days=12))])
    (folder / "gpu20.json").touch()
    (folder / "README.md").touch()
    fleet, _ = judge.fleet([str(folder)], (), (), Silent(), strict=False, now=NOON)
    return fleet_page.page(fleet, fleet_text.Layout(1.0, False, ("hosts",)), NOON)


@pytest.fixture
def pages(tmp_path: Path) -> dict[str, Path]:
    """Pages of recorded runs, by name."""
    row = Row(model="base", device="cpu", load=0.7, inference=3.9, error_rate=0.06)
    earlier = [
        replace(RECEIPT, when=f"2026-11-2{day}T08:00:00+00:00", rows=(row,)) for day in range(1, 9)
    ]
    texts = {
        "healthy": doctor_html(recorded("healthy")),
        "broken": doctor_html(recorded("broken"), [LOST]),
        "verify": verify_page.page(verified(), RECEIPT, earlier),
        "fleet": fleet_html(tmp_path / "hosts"),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
    return {name: tmp_path / f"{name}.html" for name in texts}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(
    opened: Open, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    """With everything unfolded; screenshots go to $MLENV_TEST_SCREENSHOTS, to be looked at."""
    page = opened(pages[name], width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("MLENV_TEST_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("before", ["", NO_CLIPBOARD], ids=["clipboard", "without"])
def test_a_command_is_copied_at_a_click(opened: Open, pages: dict[str, Path], before: str) -> None:
    page = opened(pages["broken"], before=before)
    button = page.locator("button.copy").first
    button.click()
    until(page, "document.querySelector('button.copy').textContent === 'Copied'")
    until(page, "document.getElementById('status').textContent === 'Copied'")
    assert pasted(page) == COMMAND


def test_the_theme_is_the_systems_until_it_is_switched(
    opened: Open, pages: dict[str, Path]
) -> None:
    page = opened(pages["healthy"], color_scheme="dark")

    def paper() -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = paper()
    assert page.locator("#theme").get_attribute("aria-label") == "Switch to light colours"
    page.locator("#theme").click()
    light = paper()
    assert (dark, light) == ("rgb(20, 21, 23)", "rgb(253, 253, 252)")
    page.reload()
    assert paper() == light
    page.emulate_media(media="print", color_scheme="dark")
    page.locator("#theme").evaluate("button => button.click()")
    assert paper() == light  # ink on paper, whatever the screen shows


def test_one_drawing_shows_at_a_time(opened: Open, pages: dict[str, Path]) -> None:
    page = opened(pages["broken"])
    drawings = page.locator(".view")
    assert [each.is_visible() for each in drawings.all()] == [True, False, False]
    page.get_by_role("button", name="your shell").click()
    assert [each.is_visible() for each in drawings.all()] == [False, True, False]
    assert page.get_by_role("button", name="your shell").get_attribute("aria-pressed") == "true"
    page.emulate_media(media="print")
    assert [each.is_visible() for each in drawings.all()] == [True, True, True]


def test_nothing_is_lost_without_scripts(opened: Open, pages: dict[str, Path]) -> None:
    page = opened(pages["broken"], java_script_enabled=False)
    assert [each.is_visible() for each in page.locator(".view").all()] == [True, True, True]
    assert not page.locator("button:visible").all()
    assert page.get_by_text(COMMAND).first.is_visible()


def test_it_plays_from_the_word_that_is_clicked(opened: Open, pages: dict[str, Path]) -> None:
    page = opened(pages["verify"])
    audio = page.locator("#audio")
    page.locator("#text-1 .spoken.wrong", has_text="son").click()
    until(page, "document.getElementById('audio').currentTime > 9.5")
    assert audio.evaluate("audio => [audio.paused, audio.currentTime < 14]") == [False, True]
    until(page, "document.querySelector('#text-1 .now') !== null")
    assert page.locator("#head").is_visible()
    audio.evaluate("audio => audio.pause()")
    until(page, "document.querySelector('.now') === null")
    line = page.locator(".waveform").bounding_box()
    assert line is not None
    page.mouse.click(line["x"] + line["width"] / 2, line["y"] + line["height"] / 2)
    assert audio.evaluate("audio => Math.round(audio.currentTime)") in (22, 23)
    turn = page.get_by_role("button", name="Known: F, from 0:28")
    turn.focus()
    page.keyboard.press("Enter")
    until(page, "document.getElementById('audio').currentTime > 28.6")
    assert audio.evaluate("audio => audio.duration") == pytest.approx(44.48, abs=0.2)


def test_the_keyboard_begins_with_the_way_to_the_report(
    opened: Open, pages: dict[str, Path]
) -> None:
    page = opened(pages["verify"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme"


@pytest.mark.parametrize("name", PAGES)
def test_it_prints(opened: Open, pages: dict[str, Path], name: str) -> None:
    page = opened(pages[name])
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.locator("#theme").is_visible()


def test_the_pages_of_the_real_environment(
    opened: Open, mlenv: Run, real_venv: Path, model_cache: Path, tmp_path: Path
) -> None:
    env = {"MLENV_CACHE_DIR": str(model_cache)}
    done = mlenv("doctor", "--venv", real_venv, "--html", tmp_path / "doctor.html", env=env)
    assert done.stderr == ""
    page = opened(tmp_path / "doctor.html")
    assert page.locator("h1").text_content() in ("Healthy", "Works, with 1 warning")
    assert page.locator("svg.loads").first.locator(".box").count() >= 8
    assert faults(page) == []
    words = ("verify", "--venv", real_venv, "--model", "tiny.en", "--device", "cpu")
    for _ in range(2):
        done = mlenv(*words, "--html", tmp_path / "verify.html", env=env)
        assert done.returncode == 0, done.stderr
    page = opened(tmp_path / "verify.html")
    assert page.locator("h1").text_content() == "Passed on the CPU"
    assert page.locator(".chart").count() == 2
    assert page.locator(".passage").count() == 8
    assert faults(page) == []

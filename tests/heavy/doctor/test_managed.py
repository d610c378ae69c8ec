"""An environment that mlenv installed: healthy at once, broken, and built again by --fix."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Run
from tests.support.venvs import packages

pytestmark = pytest.mark.heavy


@pytest.fixture
def uv_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's cache of wheels, although HOME is another."""
    monkeypatch.setenv("UV_CACHE_DIR", str(Path("~/.cache/uv").expanduser()))


@pytest.mark.usefixtures("uv_cache")
def test_healthy_broken_and_built_again(mlenv: Run, home: Path) -> None:
    def look(*arguments: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        ended = mlenv("doctor", "--json", "--skip", "hf-download-ssl", *arguments)
        data = json.loads(ended.stdout)["data"]
        bad = {f["id"]: f["outcome"] for f in data["findings"] if f["outcome"] in ("fail", "warn")}
        return ended.returncode, bad, data

    installed = mlenv("install", "cu124", "--no-verify")
    assert installed.returncode == 0, installed.stderr
    venv = home / ".venvs" / "ml"
    first = venv.resolve()
    assert look()[:2] == (0, {})
    assert look("--quick")[:2] == (0, {})

    parts = packages(venv) / "nvidia" / "cudnn" / "lib"
    (parts / "libcudnn_ops.so.9").unlink()
    shutil.rmtree(packages(venv) / "tokenizers")
    code, bad, data = look("--fix", "--dry-run")
    assert code == 1
    assert bad["package-files-damaged"] == "fail"
    (root,) = [each for each in data["findings"] if each["id"] == "package-files-damaged"]
    evidence = " ".join(root["evidence"])
    assert "follows: cudnn9-sublib-not-on-loader-path" in evidence
    assert "follows: main-job-fails" in evidence
    assert [step["command"] for step in data["fix"]["plan"]] == [["mlenv", "install"]]

    code, bad, data = look("--fix", "--yes")
    assert (code, bad) == (0, {})
    assert [step["error"] for step in data["fix"]["done"]] == [""]
    assert venv.resolve() != first  # built beside the old one, which is kept
    assert first.is_dir()


@pytest.mark.usefixtures("uv_cache")
def test_an_activation_script_that_another_tool_wrote(mlenv: Run, home: Path) -> None:
    assert mlenv("install", "cu124", "--no-verify").returncode == 0
    script = home / ".venvs" / "ml" / "bin" / "activate"
    script.unlink()
    script.write_text("export PATH\n")
    before = mlenv("doctor", "--json", "activation-not-current")
    assert json.loads(before.stdout)["data"]["findings"][0]["outcome"] == "warn"
    after = mlenv("doctor", "--json", "--fix", "--yes", "activation-not-current")
    assert json.loads(after.stdout)["data"]["findings"][0]["outcome"] == "ok"


@pytest.mark.usefixtures("uv_cache")
def test_a_shim_that_was_changed(mlenv: Run, home: Path) -> None:
    assert mlenv("install", "cu124", "--no-verify").returncode == 0
    shims = home / ".venvs" / "ml" / "shims"
    (shims / "python").write_text((shims / "python").read_text() + "# changed\n")
    before = mlenv("doctor", "--json", "launcher-shim-outdated")
    assert json.loads(before.stdout)["data"]["findings"][0]["outcome"] == "warn"
    after = mlenv("doctor", "--json", "--fix", "--yes", "launcher-shim-outdated")
    assert json.loads(after.stdout)["data"]["findings"][0]["outcome"] == "ok"

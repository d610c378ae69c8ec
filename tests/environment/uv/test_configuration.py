"""What of the user's configuration of uv holds, and from where its paths are read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mlenv.environment.uv import configuration


def test_paths_are_read_from_where_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "uv/uv.toml"
    file.parent.mkdir()
    file.write_text(
        'find-links = ["wheels", "https://example.org/links"]\n'
        'cache-dir = "cache"\n'
        'link-mode = "symlink"\n'
        '[pip]\nindex-url = "../index"\n'
        '[[index]]\nname = "mine"\nurl = "/srv/index"\n'
    )
    monkeypatch.chdir(tmp_path)
    environ = {"HOME": "/nowhere", "UV_CONFIG_FILE": str(file)}
    assert tomllib.loads(configuration.text(environ)) == {
        "find-links": [f"{tmp_path}/uv/wheels", "https://example.org/links"],
        "cache-dir": f"{tmp_path}/cache",
        "index-url": f"{tmp_path}/index",
        "index": [{"name": "mine", "url": "/srv/index"}],
    }


def test_variables_that_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {
        "UV_FIND_LINKS": "wheels,https://example.org/links",
        "UV_CACHE_DIR": "cache",
        "NETRC": "mine",
        "UV_LINK_MODE": "symlink",
        "UV_TARGET": "/elsewhere",
        "PIP_TARGET": "/elsewhere",
        "PATH": "/usr/bin",
    }
    assert configuration.variables(environ) == {
        "UV_FIND_LINKS": f"{tmp_path}/wheels,https://example.org/links",
        "UV_CACHE_DIR": f"{tmp_path}/cache",
        "NETRC": f"{tmp_path}/mine",
        "UV_LINK_MODE": "clone",
        "PATH": "/usr/bin",
    }

"""Places of the model hub's client: its home, its cache, its token (never the token itself).

Source: the environment variables that huggingface_hub documents.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlenv import paths

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def user_cache(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME`, else `~/.cache`."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 (never raises)
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache").expanduser()


def home(environ: Mapping[str, str]) -> Path:
    """`$HF_HOME`, else `huggingface` in the user's cache."""
    return paths.expand(environ.get("HF_HOME") or user_cache(environ) / "huggingface", environ)


def cache(environ: Mapping[str, str]) -> Path:
    """The directory of downloaded repositories, `$HF_HUB_CACHE`."""
    return paths.expand(environ.get("HF_HUB_CACHE") or home(environ) / "hub", environ)


def repository(repo: str, environ: Mapping[str, str]) -> Path:
    """The cache's directory of one repository; the layout is part of the client's API."""
    return cache(environ) / f"models--{repo.replace('/', '--')}"


def token_place(environ: Mapping[str, str]) -> str:
    """The variable (`$NAME`) or the file that holds a token; empty if there is none."""
    for name in TOKEN_VARIABLES:
        if environ.get(name, "").strip():
            return f"${name}"
    file = paths.expand(environ.get("HF_TOKEN_PATH") or home(environ) / "token", environ)
    try:
        return str(file) if file.read_text().strip() else ""
    except (OSError, ValueError):
        return ""

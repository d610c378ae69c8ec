"""Text of `mlenv version`: to be pasted into a bug report, so without colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlenv.cli.commands.version import Versions


def lines(versions: Versions) -> Iterator[str]:
    """A line for each kind of thing."""
    yield f"mlenv       {versions.mlenv} (Python {versions.own_python})"
    yield f"system      {versions.system}, glibc {versions.glibc or '-'}"
    gpus = f", {', '.join(versions.gpus)}" if versions.gpus else ""
    yield f"driver      {versions.driver or 'none'}{gpus}"
    if versions.python is None:
        yield "environment none (`mlenv install` builds one)"
    else:
        yield f"environment {versions.profile or 'not made by mlenv'}, Python {versions.python}"
    yield from _each("packages", versions.packages)
    yield from _each("FFmpeg", versions.ffmpeg)
    models = {
        each.name: f"{(each.revision or 'own files')[:12]}{'' if each.sha256_ok else ' (changed)'}"
        for each in versions.models
    }
    yield from _each("models", models)


def _each(title: str, versions: Mapping[str, str]) -> Iterator[str]:
    for number, (name, version) in enumerate(versions.items()):
        yield f"{'' if number else title:12}{name} {version}"

"""The choice of a diarization pipeline: pyannote's own if they may be read, else an open one.

pyannote's pipelines are gated on the model hub: an account must accept their conditions. They
run where they lie in a folder or the hub's cache, or where a token is there that may read them.
The open one needs no account: segmentation 3.0 and a speaker embedding, both by sha256.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.machine import hub_cache
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Model

OPEN = ("segmentation-3.0", "campplus")


@dataclass(frozen=True, slots=True)
class Gated:
    """A pipeline of pyannote's: every repository that it reads, and its licence."""

    name: str
    repos: tuple[str, ...]
    licence: str


GATED = (
    Gated("community-1", ("pyannote/speaker-diarization-community-1",), "CC-BY-4.0"),
    Gated(
        "3.1",
        (
            "pyannote/speaker-diarization-3.1",
            "pyannote/segmentation-3.0",
            "pyannote/wespeaker-voxceleb-resnet34-LM",
        ),
        "MIT and CC-BY-4.0",
    ),
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipeline for the diarizer (`DiarizerConfig.pipeline`), and the line that names it."""

    request: Mapping[str, str]
    note: str


def choose(
    options: argparse.Namespace,
    venv: Path,
    locate: Callable[[Model], Path],
    environ: Mapping[str, str] = os.environ,
) -> Pipeline:
    """The pipeline that `--diarize-model` names; with `auto` the best that can be read here.

    `locate` gives the directory of a model, fetched where need be.
    """
    asked = options.diarize_model
    if asked == "open":
        return _open(locate, "asked for")
    gated = {pipeline.name: pipeline for pipeline in GATED}
    if asked == "auto":
        for pipeline in GATED:
            if cached(pipeline, environ):
                return _gated(pipeline, "in the hub's cache")
        if options.offline or not hub_cache.token_place(environ):
            return _open(locate, "no account needed")
        for pipeline in GATED:
            if not _trouble(pipeline, venv, environ):
                return _gated(pipeline, "your account may read it")
        return _open(locate, f"your account may not read {GATED[0].repos[0]}")
    if asked in gated:
        pipeline = gated[asked]
        if cached(pipeline, environ):
            return _gated(pipeline, "in the hub's cache")
        raise_unless_readable(pipeline, venv, environ, offline=options.offline)
        return _gated(pipeline, "your account may read it")
    folder = Path(asked).expanduser()
    if (folder / "config.yaml").is_file() or folder.suffix in (".yaml", ".yml"):
        return Pipeline(
            {"kind": "pretrained", "from": str(folder.absolute())},
            f"finding speakers with the pipeline in {folder}",
        )
    raise MlenvError(
        "pipeline-unknown",
        f"There is no diarization pipeline `{asked}`.",
        f"There are auto, open, {', '.join(gated)}, and a folder that holds a config.yaml.",
    )


def cached(pipeline: Gated, environ: Mapping[str, str]) -> bool:
    """Tell if the hub's cache holds some revision of all that the pipeline reads."""
    return all(_cached_repo(repo, environ) for repo in pipeline.repos)


def raise_unless_readable(
    pipeline: Gated, venv: Path, environ: Mapping[str, str], *, offline: bool
) -> None:
    """Say which repository can't be read, why, and which page to visit."""
    if offline:
        raise MlenvError(
            "gated-model-no-access",
            f"{pipeline.repos[0]} is not in the hub's cache, and --offline was asked for.",
            "Run it once with a network, or leave out --diarize-model: the open pipeline needs "
            "no account.",
        )
    if trouble := _trouble(pipeline, venv, environ):
        repo, answer = trouble
        raise MlenvError(
            "gated-model-no-access",
            f"{repo} can't be read: {answer.get('message')}.",
            f"Accept its conditions at https://huggingface.co/{repo} and log in with "
            "`hf auth login`, or leave out --diarize-model: the open pipeline needs no account.",
        )


def _trouble(
    pipeline: Gated, venv: Path, environ: Mapping[str, str]
) -> tuple[str, Mapping[str, object]] | None:
    """The first repository of the pipeline that can't be read, and what the hub says."""
    from mlenv.speech.models import hub_models

    for repo in pipeline.repos:
        answer = hub_models.ask_access(venv, repo, environ)
        if not answer["ok"]:
            return repo, answer
    return None


def _cached_repo(repo: str, environ: Mapping[str, str]) -> bool:
    snapshots = hub_cache.repository(repo, environ) / "snapshots"
    return any(path.is_file() for path in snapshots.glob("*/*"))


def _open(locate: Callable[[Model], Path], why: str) -> Pipeline:
    known = models.manifest()
    segmentation, embedding = (known[name] for name in OPEN)
    return Pipeline(
        {
            "kind": "open",
            "segmentation": str(locate(segmentation)),
            "embedding": str(locate(embedding)),
        },
        f"finding speakers with the open pipeline ({why}): segmentation 3.0 "
        f"({segmentation.licence}) and CAM++ ({embedding.licence}), clustered by pyannote.audio",
    )


def _gated(pipeline: Gated, why: str) -> Pipeline:
    return Pipeline(
        {"kind": "pretrained", "from": pipeline.repos[0]},
        f"finding speakers with {pipeline.repos[0]} ({why}), {pipeline.licence}",
    )

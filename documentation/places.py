"""The page of files on disk: each place as the code computes it for a user `me`."""

from __future__ import annotations

from pathlib import Path

from documentation import markdown as md
from mlenv import paths
from mlenv.environment import generations, receipts
from mlenv.environment.generations import activation, links
from mlenv.environment.install import bundle
from mlenv.machine import hub_cache

_TOP = """\
Where mlenv reads and writes, for a user whose home is `~`, without any of the
[variables](environment-variables.md) that name another place. mlenv writes nowhere else, but for
files that you name and the [launchers](../how-to/launchers.md) that you set up. UPPER CASE stands
for what differs.
"""
HOME = Path("/home/me")
ENVIRON = {
    "HOME": str(HOME),
    "XDG_CACHE_HOME": str(HOME / ".cache"),
    "XDG_CONFIG_HOME": str(HOME / ".config"),
    "XDG_STATE_HOME": str(HOME / ".local/state"),
}
VENV = paths.venv_path(None, ENVIRON)


def markdown() -> str:
    """The whole page."""
    parts = [md.head("Files on disk", _TOP)]
    for title, rows in groups().items():
        parts.append(f"## {title}\n")
        parts.append(md.table(("path", ""), ((md.code(path), rows[path]) for path in rows)))
    return "\n".join(parts)


def groups() -> dict[str, dict[str, str]]:
    """Patterns of paths, and what lies there, by the heading that they stand under."""
    return {
        "The environment": _environment(),
        "In a generation": _generation(),
        "Caches, settings, receipts": _user(),
        "Beside your files": _beside(),
    }


def _environment() -> dict[str, str]:
    base = generations.store(VENV)
    return {
        _shown(VENV): "The environment: a link to the generation in use. `--venv` names another.",
        _shown(base / "generations/NNN-PROFILE-HASH"): (
            "One generation: a complete venv. HASH is the beginning of its lock's sha256."
        ),
        _shown(base / "profiles/NAME.SUFFIX"): (
            "Your own profile (`.toml`), as `mlenv add` and `mlenv remove` write it, and its lock "
            "(`.txt`)."
        ),
        _shown(base / activation.PREVIOUS): "A link to what was in use before the last switch.",
        _shown(base / "busy"): "Held by the command that is changing the environment.",
        _shown(VENV.with_name(f"{VENV.name}.before-mlenv")): (
            "What was at the environment's place before the first installation. `mlenv uninstall` "
            "puts it back."
        ),
    }


def _generation() -> dict[str, str]:
    return {
        generations.RECORD: "What it was built from: see [its keys](json/generation.md).",
        f"{generations.PROFILE}/PROFILE.toml": "A copy of its profile; `PROFILE.txt` is its lock.",
        ".mlenv/before/SCRIPT": "The activate scripts as uv wrote them.",
        "bin/activate": "Activation with the library path; `activate.fish`, .. for other shells.",
        "shims/PROGRAM": "A shell script for each program, which sets the library path.",
        f"lib/python3.N/site-packages/{links.RECORD}": (
            "The links to cuDNN and cuBLAS in `ctranslate2.libs`: see [its keys](json/links.md)."
        ),
        "CACHEDIR.TAG": "Written by uv: backups leave the directory out. `.gitignore` likewise.",
    }


def _user() -> dict[str, str]:
    cache = paths.cache_dir(ENVIRON)
    results = receipts.folder(VENV, ENVIRON).with_name("VENV-HASH") / "WHEN.json"
    return {
        _shown(paths.config_file(ENVIRON)): (
            "Your settings: see [Behind a proxy](../how-to/proxy.md)."
        ),
        _shown(cache / "models/NAME"): "mlenv's store of models.",
        _shown(cache / "models/pinned/NAME.json"): (
            "What is written down about a model of the hub at its first use: see "
            "[its keys](json/model-record.md)."
        ),
        _shown(cache / "checked-models.json"): "Size and time of model files whose hashes held.",
        _shown(hub_cache.cache(ENVIRON)): "The model hub's cache, written by its client.",
        _shown(results): (
            f"The last {receipts.KEPT} results of `mlenv verify`: see [the keys](json/receipt.md)."
        ),
        "~/.cache/uv": "uv's cache, with which generations share their files.",
    }


def _beside() -> dict[str, str]:
    return {
        "OUTPUT/.mlenv/NAME.json": (
            "How each transcript in the folder was made, for `--resume`: see "
            "[its keys](json/transcript-record.md)."
        ),
        "OUTPUT/NAME.SUFFIX.old": (
            "A file that was in the way of a transcript and not as mlenv wrote it."
        ),
        f"BUNDLE/{bundle.MANIFEST}": (
            "What a bundle holds: see [its keys](json/bundle-manifest.md). Beside it lie "
            "`wheels/`, `models/`, the profile and its lock."
        ),
        "$TMPDIR": (
            "Samples of recordings longer than an hour, in files without a name: nothing is left "
            "of them however a run ends."
        ),
    }


def _shown(path: Path) -> str:
    return f"~/{path.relative_to(HOME)}"

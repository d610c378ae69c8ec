"""Exports build the very pins of the lock, in the tools that they are for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import uv

from tests.support.index import Index
from tests.support.running import Run
from tests.support.venvs import empty_venv

SMALL = ["diarizer-2.0", "tensors-2.5.1", "whisperer-1.0"]


@pytest.fixture(scope="module")
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("with-pip") / "v"
    subprocess.run([sys.executable, "-m", "venv", made], check=True)
    return made


@pytest.fixture
def venv(home: Path, with_pip: Path) -> Path:
    """An empty environment, with pip."""
    return Path(shutil.copytree(with_pip, home / "v", symlinks=True))


def packages(venv: Path) -> list[str]:
    found = venv.glob("lib/python3*/site-packages/*.dist-info")
    names = sorted(path.name.removesuffix(".dist-info") for path in found)
    return [name for name in names if not name.startswith(("pip-", "setuptools-", "wheel-"))]


def run(*argv: str | Path, **env: str) -> None:
    done = subprocess.run(list(argv), env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pylock(
    mlenv: Run, locked: Path, network: dict[str, str], index: Index, home: Path
) -> None:
    venv = empty_venv(home / "v")
    target = home / "pylock.toml"
    done = mlenv("export", locked, "--to", "pylock", "-o", target, env=network)
    assert (done.returncode, done.stdout) == (
        0,
        f"written  {target}\n`uv pip sync {target}` uses it.\n",
    )
    document = tomllib.loads(target.read_text())
    assert document["lock-version"] == "1.0"
    held = {package["name"]: package["wheels"][0]["url"] for package in document["packages"]}
    base = index.url.removesuffix("/simple")
    assert held == {
        name.partition("-")[0]: f"{base}/files/{name}-py3-none-any.whl" for name in SMALL
    }
    cache = {"UV_CACHE_DIR": str(home / "c"), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/"}
    sync = [uv.find_uv_bin(), "pip", "sync", "-q", target, "--python", venv / "bin/python"]
    run(*sync, **cache)
    assert packages(venv) == SMALL


def test_requirements_for_pip(
    mlenv: Run, locked: Path, network: dict[str, str], index: Index, home: Path, venv: Path
) -> None:
    target = home / "requirements.txt"
    mlenv("export", locked, "--to", "requirements", "-o", target, env=network)
    pip = [venv / "bin/python", "-m", "pip", "install", "-q", "--index-url", index.url]
    run(*pip, "--no-deps", "--require-hashes", "-r", target, PIP_NO_INDEX="0")
    assert packages(venv) == SMALL


def test_a_mirror_is_named_in_it_without_its_password(mlenv: Run, locked: Path) -> None:
    mirror = "default=https://somebody:secret@mirror.example.org/simple"
    for form in ("requirements", "dockerfile"):
        done = mlenv("export", locked, "--to", form, "--index", mirror)
        assert "--index-url https://mirror.example.org/simple\n" in done.stdout
        assert "secret" not in done.stdout


def test_dockerfile(mlenv: Run) -> None:
    text = mlenv("export", "cu121", "--to", "dockerfile").stdout
    head, _, rest = text.partition("COPY <<'LOCK' /opt/ml.lock.txt\n")
    lock, _, tail = rest.partition("\nLOCK\n")
    assert head == (
        "# syntax=docker/dockerfile:1\n"
        "# mlenv profile cu121\n"
        "FROM python:3.11-slim-bookworm AS mlenv\n"
    )
    assert lock.startswith("--extra-index-url https://download.pytorch.org/whl/cu121\n")
    assert "torch==2.5.1+cu121 ; " in lock and "#" not in lock
    packages = "/opt/ml/lib/python3.11/site-packages/nvidia"
    assert tail == (
        "RUN --mount=type=cache,target=/root/.cache/uv \\\n"
        f"    python -m pip install --no-cache-dir uv=={_version()} && \\\n"
        "    uv venv --no-project --python 3.11 /opt/ml && \\\n"
        "    UV_INDEX_STRATEGY=unsafe-best-match UV_LINK_MODE=copy "
        "uv pip sync --require-hashes \\\n"
        "        --python /opt/ml/bin/python "
        "--build-constraints /opt/ml.lock.txt /opt/ml.lock.txt\n"
        'ENV VIRTUAL_ENV="/opt/ml" \\\n'
        '    PATH="/opt/ml/bin:$PATH" \\\n'
        f'    LD_LIBRARY_PATH="{packages}/cudnn/lib:{packages}/cublas/lib:'
        f'{packages}/cuda_nvrtc/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" \\\n'
        '    NVIDIA_VISIBLE_DEVICES="all" \\\n'
        '    NVIDIA_DRIVER_CAPABILITIES="compute,utility"\n'
    )


def test_conda_hands_pip_what_it_can_install(
    mlenv: Run, profile: Path, network: dict[str, str], index: Index, home: Path, venv: Path
) -> None:
    """Conda writes the list below `pip:` into a requirements file and runs pip with it."""
    index.add("aligner", "1.0", ["tensors>=2.8"])
    text = profile.read_text().partition("[[override]]")[0]
    profile.write_text(text.replace('"whisperer==1.0", "diarizer==2.0"', '"aligner==1.0"'))
    mlenv("lock", profile, env=network)
    text = mlenv("export", profile, "--to", "conda-env", env=network).stdout
    assert text.startswith(
        "name: small\nchannels:\n  - conda-forge\n  - nodefaults\n"
        "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    )
    lines = re.findall(r"^      - '(.*)'$", text, re.MULTILINE)
    requirements = home / "condaenv.txt"
    requirements.write_text("".join(line.replace("''", "'") + "\n" for line in lines))
    pip = [venv / "bin/python", "-m", "pip", "install", "-q", "--index-url", index.url]
    run(*pip, "-r", requirements)
    assert packages(venv) == ["aligner-1.0", "tensors-2.8"]


def test_conda_leaves_to_uv_what_pip_refuses(mlenv: Run) -> None:
    text = mlenv("export", "cu124", "--to", "conda-env").stdout
    assert "conda run -n cu124 uv pip sync --system --require-hashes" in text
    assert text.splitlines()[-2:] == ["  - python=3.11", f"  - uv={_version()}"]


def _version() -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import version; print(version('uv'))"],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_sbatch_asks_for_a_gpu_where_the_profile_has_one(mlenv: Run, home: Path) -> None:
    with_gpu = mlenv("export", "cu124", "--to", "sbatch", "--venv", "/shared/my ml").stdout
    without = mlenv("export", "cpu", "--to", "sbatch").stdout
    for text in (with_gpu, without):
        checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")
        head, _, script = text.partition("\nparts=8 ")
        assert "#SBATCH --array=1-8%4\n" in head
        assert "#SBATCH" not in script  # Slurm reads none below the first command
    assert "#SBATCH --gres=gpu:1\n" in with_gpu
    assert "\noptions=(--device cuda --model base --format txt,json)\n" in with_gpu
    assert "\nexport MLENV_VENV=${MLENV_VENV:-'/shared/my ml'}\n" in with_gpu
    assert "--gres" not in without
    assert "\noptions=(--device cpu --model base --format txt,json)\n" in without
    assert f"\nexport MLENV_VENV=${{MLENV_VENV:-{home}/.venvs/ml}}\n" in without

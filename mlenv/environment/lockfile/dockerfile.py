"""The Dockerfile of an environment: its packages from a lock, and its launch environment."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from mlenv.environment import launch

HOME = "/opt/ml"  # of the environment in the image
LOCK = f"{HOME}.lock.txt"


def dockerfile(
    head: str, copy: str, python: str, libraries: Sequence[str], settings: str = ""
) -> str:
    """Return the text of a Dockerfile.

    Args:
        head: comments and directives that stand first, with their line ends.
        copy: what COPY copies to `LOCK`: a file's name, or a here-document's `<<'NAME'`.
        python: version of the image's Python, as in `3.11`.
        libraries: the wheels' library directories below site-packages, in loader order.
        settings: assignments for uv, such as `UV_INDEX=".."`.

    """
    delimiter, _, document = copy.partition("\n")
    packages = f"{HOME}/lib/python{python}/site-packages"
    variables = {"VIRTUAL_ENV": HOME, "PATH": f"{HOME}/bin:$PATH"}
    if libraries:
        base = f"${{{launch.LIBRARY_PATH}:+:${launch.LIBRARY_PATH}}}"
        paths = [f"{packages}/{library}" for library in libraries]
        variables[launch.LIBRARY_PATH] = launch.joined(paths) + base
    # What NVIDIA's container runtime shall bring in: the driver, and no graphics.
    variables["NVIDIA_VISIBLE_DEVICES"] = "all"
    variables["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    environment = " \\\n    ".join(f'{name}="{value}"' for name, value in variables.items())
    return f"""\
{head}FROM python:{python}-slim-bookworm AS mlenv
COPY {delimiter} {LOCK}
{document}RUN --mount=type=cache,target=/root/.cache/uv \\
    python -m pip install --no-cache-dir uv=={version("uv")} && \\
    uv venv --no-project --python {python} {HOME} && \\
    {settings}UV_LINK_MODE=copy uv pip sync --require-hashes \\
        --python {HOME}/bin/python --build-constraints {LOCK} {LOCK}
ENV {environment}
"""

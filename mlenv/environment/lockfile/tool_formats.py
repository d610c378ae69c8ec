"""A profile's pins in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.utils import canonicalize_name

from mlenv.environment import launch, uv
from mlenv.environment.lockfile.indexes import Indexes, without_credentials
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile

FORMATS = ("pylock", "requirements", "dockerfile", "conda-env")

_HOME = "/opt/ml"


def written(form: str, profile: Profile, lock: Lock, given: Indexes) -> str:
    """The whole file. `pylock` asks the indexes for their addresses, the others ask nobody."""
    if form == "pylock":
        sources = uv.Sources(given.default, given.extra(profile))
        return uv.pylock(lock.path, sources=sources)
    addresses = _addresses(profile, given)
    if form == "requirements":
        return _requirements(profile, lock, addresses)
    if form == "dockerfile":
        return _dockerfile(profile, lock, addresses)
    return _conda(profile, lock, addresses)


def _addresses(profile: Profile, given: Indexes) -> list[str]:
    """Options that name the indexes, without credentials: the file may be handed on."""
    options = [f"--index-url {without_credentials(given.default)}"] if given.default else []
    return options + [
        f"--extra-index-url {without_credentials(url)}" for url in given.extra(profile)
    ]


def _requirements(profile: Profile, lock: Lock, addresses: list[str]) -> str:
    return (
        f"# mlenv profile {profile.name}: install it with one of\n"
        "#   uv pip sync --require-hashes --index-strategy unsafe-best-match FILE\n"
        "#   pip install --no-deps --require-hashes -r FILE\n"
        + "".join(f"{option}\n" for option in addresses)
        + _pins(lock)
    )


def _pins(lock: Lock) -> str:
    lines = lock.text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#")).lstrip("\n")


def _dockerfile(profile: Profile, lock: Lock, addresses: list[str]) -> str:
    python, venv = profile.lowest_python, f"{_HOME}/venv"
    packages = f"{venv}/lib/python{python}/site-packages"
    libraries = [f"{packages}/nvidia/{name}/lib" for name in _by_name(lock)]
    return (
        "# syntax=docker/dockerfile:1\n"
        f"# mlenv profile {profile.name}\n"
        f"FROM python:{python}-slim\n"
        f"RUN pip install --no-cache-dir 'uv=={_uv_version()}'\n"
        f"COPY <<'LOCK' {_HOME}/requirements.txt\n"
        + "".join(f"{option}\n" for option in addresses)
        + _pins(lock)
        + "LOCK\n"
        f"RUN uv venv {venv} && uv pip sync --no-cache --python {venv}/bin/python \\\n"
        "    --require-hashes --index-strategy unsafe-best-match \\\n"
        f"    --build-constraints {_HOME}/requirements.txt {_HOME}/requirements.txt\n"
        + environment(venv, libraries)
    )


def environment(venv: str, libraries: Sequence[str]) -> str:
    """The ENV of a Dockerfile: the launch environment of `venv` there, for every process."""
    variables = {"VIRTUAL_ENV": venv, "PATH": f"{venv}/bin:$PATH"}
    if libraries:
        base = f"${{{launch.LIBRARY_PATH}:+:${launch.LIBRARY_PATH}}}"
        variables[launch.LIBRARY_PATH] = launch.joined(libraries) + base
    # What NVIDIA's container runtime shall bring in: the driver, and no graphics.
    variables["NVIDIA_VISIBLE_DEVICES"] = "all"
    variables["NVIDIA_DRIVER_CAPABILITIES"] = "compute,utility"
    pairs = (f'{name}="{value}"' for name, value in variables.items())
    return "ENV " + " \\\n    ".join(pairs) + "\n"


def _by_name(lock: Lock) -> list[str]:
    """The wheel directories whose libraries are opened by name, of those that the lock brings."""
    names = {canonicalize_name(pin.name) for pin in lock.pins}
    return [
        name
        for name in launch.OPENED_BY_NAME
        if any(n.startswith(f"nvidia-{name.replace('_', '-')}-cu") for n in names)
    ]


def _conda(profile: Profile, lock: Lock, addresses: list[str]) -> str:
    """Pip resolves what conda hands it, and refuses overrides; then uv must do it afterwards."""
    head = (
        f"name: {profile.name}\n"
        "channels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python={profile.lowest_python}\n"
    )
    if profile.overrides or profile.excludes:
        return (
            "# The packages of this profile contradict each other, so pip can't install them.\n"
            f"#   mlenv export {profile.name} --to requirements -o requirements.txt\n"
            "#   conda env create -f FILE\n"
            f"#   conda run -n {profile.name} uv pip sync --system --require-hashes "
            "--index-strategy unsafe-best-match requirements.txt\n"
            + head
            + f"  - uv={_uv_version()}\n"
        )
    joined = _pins(lock).replace("\\\n", " ")
    pins = [" ".join(line.split()) for line in joined.splitlines() if line.strip()]
    lines = [*addresses, *pins]
    return head + "  - pip\n  - pip:\n" + "".join(f"      - {_quoted(line)}\n" for line in lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _uv_version() -> str:
    from importlib.metadata import version

    return version("uv")

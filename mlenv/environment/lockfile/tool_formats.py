"""A profile's pins in the formats of other tools."""

from __future__ import annotations

from importlib.metadata import version

from packaging.utils import canonicalize_name

from mlenv.environment import launch, uv
from mlenv.environment.lockfile.dockerfile import dockerfile
from mlenv.environment.lockfile.indexes import Indexes, without_credentials
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile

FORMATS = ("pylock", "requirements", "dockerfile", "conda-env")


def written(form: str, profile: Profile, lock: Lock, config: Indexes) -> str:
    """The whole file. `pylock` asks the indexes for their addresses, the others ask nobody."""
    if form == "pylock":
        sources = uv.Sources(config.default, config.extra(profile), builds=profile.built_packages)
        return uv.pylock(lock.path, sources=sources)
    addresses = _addresses(profile, config)
    if form == "requirements":
        return _requirements(profile, lock, addresses)
    if form == "dockerfile":
        return _dockerfile(profile, lock, addresses)
    return _conda(profile, lock, addresses)


def _addresses(profile: Profile, config: Indexes) -> list[str]:
    """Options that name the indexes, without credentials: the file may be handed on."""
    options = [f"--index-url {without_credentials(config.default)}"] if config.default else []
    return options + [
        f"--extra-index-url {without_credentials(url)}" for url in config.extra(profile)
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
    options = "".join(f"{option}\n" for option in addresses)
    return dockerfile(
        f"# syntax=docker/dockerfile:1\n# mlenv profile {profile.name}\n",
        f"<<'LOCK'\n{options}{_pins(lock)}LOCK\n",
        profile.lowest_python,
        [f"nvidia/{name}/lib" for name in _by_name(lock)],
        "UV_INDEX_STRATEGY=unsafe-best-match " if addresses else "",
    )


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
            + f"  - uv={version('uv')}\n"
        )
    joined = _pins(lock).replace("\\\n", " ")
    pins = [" ".join(line.split()) for line in joined.splitlines() if line.strip()]
    lines = [*addresses, *pins]
    return head + "  - pip\n  - pip:\n" + "".join(f"      - {_quoted(line)}\n" for line in lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

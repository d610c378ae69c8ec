"""Windows paths as WSL has them."""

from __future__ import annotations

import re
from pathlib import Path

DRIVE = re.compile(r"([A-Za-z]):[\\/](.*)", re.DOTALL)
SHARE = re.compile(r"(?is)[\\/]{2}wsl(?:\$|\.localhost)[\\/][^\\/]+[\\/]?(.*)")
UNQUOTED = re.compile(r"[A-Za-z]:[^\\/]")


def from_windows(word: str, root: Path = Path("/"), *, mounted: bool = False) -> Path | None:
    r"""The Linux path of `C:\talk.wav` or `\\wsl$\Ubuntu\home\me\talk.wav`; None for any other.

    `mounted`: only of a drive that is there.
    """
    if drive := DRIVE.fullmatch(word):
        place = _mounts(root) / drive[1].lower()
        return None if mounted and not place.is_dir() else place / drive[2].replace("\\", "/")
    if share := SHARE.fullmatch(word):
        return root / share[1].replace("\\", "/").lstrip("/")
    return None


def hint(word: str) -> str:
    """Advice on a word that looks like a Windows path and leads nowhere; "" for any other."""
    if path := from_windows(word):
        return f"It is a Windows path: WSL would have it at {path}."
    if word.startswith("\\\\"):
        return (
            "It is a Windows share: mount it first, in WSL with "
            f"`sudo mount -t drvfs '{_share(word)}' /mnt/share`."
        )
    if UNQUOTED.match(word):
        return "A Windows path needs single quotes, or the shell takes its backslashes out."
    return ""


def _share(word: str) -> str:
    """Server and share of a UNC path, without what is below."""
    return "\\\\" + "\\".join(re.split(r"[\\/]", word.lstrip("\\/"))[:2])


def _mounts(root: Path) -> Path:
    """The directory in which Windows drives are mounted: `automount.root` of wsl.conf."""
    import configparser

    settings = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        settings.read(root / "etc/wsl.conf", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        settings.clear()
    place = settings.get("automount", "root", fallback="/mnt/").strip("\"'")
    return root / place.lstrip("/")

"""Tell recordings from other files, by their names and their first bytes."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

# Suffixes of audio and video. A file that is named by itself may be called anything.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3g2", "3gp", "3gpp", "8svx", "aac", "aacp", "ac3", "ac4", "adts", "aif", "aifc", "aiff"),
        *("amr", "amv", "ape", "asf", "au", "avi", "awb", "bwf", "caf", "dff", "divx", "dsf"),
        *("dts", "dtshd", "dv", "eac3", "ec3", "f4a", "f4v", "flac", "flv", "gsm", "gxf", "iff"),
        *("latm", "loas", "m2t", "m2ts", "m2v", "m4a", "m4b", "m4p", "m4r", "m4v", "mk3d", "mka"),
        *("mks", "mkv", "mlp", "mov", "mp1", "mp2", "mp3", "mp4", "mpa", "mpc", "mpe", "mpeg"),
        *("mpg", "mpga", "mpv", "mts", "mxf", "nsv", "nut", "oga", "ogg", "ogm", "ogv", "ogx"),
        *("oma", "opus", "qt", "ra", "rf64", "rm", "rmvb", "snd", "sph", "spx", "tak", "thd"),
        *("tp", "trp", "ts", "tta", "vob", "voc", "w64", "wav", "wave", "weba", "webm", "wma"),
        *("wmv", "wtv", "wv", "xa"),
    )
)
SHARED = frozenset((".ts", ".mts", ".iff", ".sph"))  # names of quite other files too
SUFFIX = re.compile(r"\.(?=[^.]*[A-Za-z])[A-Za-z0-9_~-]{1,12}")
HEAD = 512  # bytes that tell
MAGIC = (
    *(b"ID3", b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3", b"caff", b"#!AMR", b"FLV\x01", b".snd"),
    *(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"MAC "),
    *(b"wvPK", b"TTA1", b"Creative Voice File", b"\x0b\x77", b"\x7f\xfe\x80\x01", b"DSD "),
    *(b"FRM8", b"MPCK", b"MP+", b"tBaK", b"NIST_1A", b".RMF", b".ra\xfd", b"riff\x2e\x91\xcf\x11"),
)
FORMS = {  # kinds of these containers that hold sound
    b"RIFF": (b"WAVE", b"AVI "),
    b"RIFX": (b"WAVE",),
    b"RF64": (b"WAVE",),
    b"BW64": (b"WAVE",),
    b"FORM": (b"AIFF", b"AIFC", b"8SVX"),
}
PICTURES = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


class Kind(Enum):
    """Classify a file of a folder.

    DOUBTFUL has another file's name and a recording's contents, or the other way round: a pipe, a
    link that leads nowhere.
    """

    RECORDING = 1
    DOUBTFUL = 2
    OTHER = 3


def kind(path: Path) -> Kind:
    """Judge a file in a folder, of which names are rules of thumb."""
    suffix = path.suffix.lower()
    if path.name.startswith("._"):  # what macOS leaves beside a file on other systems' disks
        return Kind.OTHER
    if suffix in SUFFIXES and suffix not in SHARED:
        return Kind.RECORDING if _is_file(path) else Kind.DOUBTFUL
    if not (_is_file(path) and is_recording(_head(path))):
        return Kind.OTHER
    has_suffix = SUFFIX.fullmatch(suffix) and suffix not in SUFFIXES
    return Kind.DOUBTFUL if has_suffix else Kind.RECORDING


def is_recording(head: bytes) -> bool:
    """Tell by its first bytes if a file is one of sound, or of pictures that have sound."""
    if forms := FORMS.get(head[:4]):
        return head[8:12] in forms
    if head[4:8] == b"ftyp":
        return head[8:12] not in PICTURES
    return head.startswith(MAGIC) or _is_mpeg(head)


def _is_mpeg(head: bytes) -> bool:
    """MPEG transport streams (packets of 188 or 192 bytes), and audio that begins with a frame."""
    for first, size in ((0, 188), (4, 192)):
        if head[first : first + size * 2 : size] == b"GG":
            return True
    if len(head) < 4 or head[0] != 0xFF:
        return False
    is_aac = head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 0xF < 13
    is_mp3 = head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in (2, 4) and head[1] & 0x18 != 8
    return is_aac or (is_mp3 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a link to where this user may not look
        return False


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""

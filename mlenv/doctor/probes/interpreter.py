"""Say which Python this is and where it looks for packages.

Runs in the examined interpreter. Plain Python 3.8, imports nothing of mlenv.
Prints one JSON document.
"""

import json
import os
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

# What the job needs, and what a Python may be built without or have in another package.
NEEDED = (
    *("_bz2", "_ctypes", "_hashlib", "_lzma", "_queue", "_socket", "_sqlite3", "_ssl"),
    *("asyncio", "concurrent.futures", "email", "multiprocessing", "unittest", "zlib"),
)


def is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (AttributeError, ValueError, OSError):
    libc = ""

json.dump(
    {
        "executable": sys.executable,
        "version": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "packages": sysconfig.get_path("purelib"),
        "platform_packages": sysconfig.get_path("platlib"),
        "path": [entry for entry in sys.path[1:] if entry],  # [0] is this script's folder
        "platform": sysconfig.get_platform(),
        "extension_suffixes": EXTENSION_SUFFIXES,
        "libc": libc,
        "lacking": [name for name in NEEDED if not is_there(name)],
    },
    sys.stdout,
)

"""What uv says when it fails, and what is made of that."""

from __future__ import annotations

import pytest

from mlenv.environment.uv.failures import explained

UNTRUSTED = """\
error: Failed to fetch: `https://mirror.example.org/simple/anyio/`
  cause: error sending request for url (https://mirror.example.org/simple/anyio/)
  cause: client error (Connect)
  cause: invalid peer certificate: UnknownIssuer
"""
BUSY = """\
error: Could not acquire lock
  cause: Timeout (300s) when waiting for lock on `/home/ada/.cache/uv` at `.lock`, is another uv ..
"""
NO_PYTHON = """\
error: Request failed after 3 retries in 5.7s
  cause: Failed to download `https://github.com/astral-sh/python-build-standalone/releases/download/\
20261110/cpython-3.12.16%2B20261110-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz`
  cause: client error (Connect)
  cause: dns error
  cause: failed to lookup address information: Name or service not known
"""
SHIM = """\
error: Failed to inspect Python interpreter from search path at `/home/me/.pyenv/shims/python3.12`
  cause: Querying Python at `/home/me/.pyenv/shims/python3.12` failed with exit status 127
"""
REFUSED = """\
error: Failed to fetch: http://me:secret@127.0.0.1:9/simple/anyio/
  cause: error sending request for url (http://127.0.0.1:9/simple/anyio/)
  cause: Connection refused (os error 111)
"""
PORTAL = """\
error: No solution found when resolving dependencies
  cause: Because there are no versions of anyio and you require anyio, we can conclude that ..
"""
OFFLINE = """\
error: No solution found when resolving dependencies
  cause: Because anyio was not found in the cache and you require anyio==4.16.0, we can ..

hint: Packages were unavailable because the network was disabled.
"""
FULL = """\
error: Failed to install: x-1.0-py3-none-any.whl (x==1.0)
  cause: failed to hardlink file from /c/x.py to /v/x.py
  cause: No space left on device (os error 28)
"""
NO_CACHE = """\
error: Failed to initialize cache at `/proc/x`
  cause: failed to create directory `/proc/x`: Permission denied (os error 13)
"""
OTHER_VERSION = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of anyio==4.99.0 and you require anyio==4.99.0, we can ..
"""


@pytest.mark.parametrize(
    ("output", "offline", "code", "message"),
    [
        (
            BUSY,
            False,
            "busy",
            "After 300s another uv still holds its cache at /home/ada/.cache/uv.",
        ),
        (
            UNTRUSTED,
            False,
            "certificate-not-trusted",
            "The certificate of mirror.example.org is not trusted "
            "(invalid peer certificate: UnknownIssuer).",
        ),
        (
            REFUSED,
            False,
            "index-unreachable",
            "The package index at ***@127.0.0.1:9 can't be reached: "
            "Connection refused (os error 111).",
        ),
        (
            REFUSED,
            True,
            "not-in-cache",
            "The network is off (--offline), and not all that is needed is in uv's cache.",
        ),
        (
            NO_PYTHON,
            False,
            "python-unreachable",
            "No Python that fits is on this machine, and cpython-3.12 can't be fetched: "
            "failed to lookup address information: Name or service not known.",
        ),
        (
            SHIM,
            True,
            "python-version-unsupported",
            "/home/me/.pyenv/shims/python3.12 does not start, and no other Python that fits is on "
            "this machine.",
        ),
        (PORTAL, False, "package-not-found", "The index lists no version of anyio."),
        (
            OFFLINE,
            True,
            "not-in-cache",
            "The network is off (--offline), and anyio is not in uv's cache.",
        ),
        (OTHER_VERSION, False, "package-not-found", "The index does not have anyio==4.99.0."),
        (
            OTHER_VERSION,
            True,
            "not-in-cache",
            "The network is off (--offline), and anyio==4.99.0 is not in uv's cache.",
        ),
        (
            FULL,
            False,
            "disk-full-or-tmp-too-small",
            "A disk is full, of bytes or of files: failed to hardlink file from /c/x.py to "
            "/v/x.py: No space left on device (os error 28).",
        ),
        (
            NO_CACHE,
            False,
            "not-writable",
            "uv can't use its cache at /proc/x: failed to create directory `/proc/x`: "
            "Permission denied (os error 13).",
        ),
        (
            "error: No interpreter found at path `/nope/python`\n",
            False,
            "python-version-unsupported",
            "There is no `/nope/python` on this machine.",
        ),
        ("error: something new\n", False, "uv-failed", "uv failed: something new."),
    ],
)
def test_a_failure(output: str, offline: bool, code: str, message: str) -> None:
    error = explained(output, 1, offline=offline)
    assert (error.code, error.message) == (code, message)


def test_an_end_by_a_signal_is_no_exit_code() -> None:
    error = explained("Resolved 3 packages\n", -9)
    assert (error.code, error.message) == ("uv-killed", "uv was ended by SIGKILL.")

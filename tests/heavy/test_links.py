"""Links at the source, in the real wheels."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mlenv.environment.generations import links
from mlenv.environment.launch import site_packages
from tests.support.launching import PROOF, PROVED, MakeVenv

# Calls cuBLAS through CTranslate2's own loader of it, which opens it by name. Torch is kept out:
# it would bring cuBLAS into the process.
CUBLAS = """\
import ctypes, glob, sys, sysconfig
sys.modules["torch"] = None
import ctranslate2
library, = glob.glob(sysconfig.get_path("purelib") + "/ctranslate2.libs/libctranslate2-*")
code = ctypes.CDLL(library).cublasCreate_v2(ctypes.byref(ctypes.c_void_p()))
print("cuBLAS", code)
"""


MAPPED = (
    'print(*sorted({l.split()[-1] for l in open("/proc/self/maps") if "libcu" in l}), sep="\\n")'
)


@pytest.mark.heavy
@pytest.mark.parametrize("code, said", [(PROOF, PROVED), (CUBLAS, "cuBLAS 1")])
def test_a_bare_python_finds_the_real_libraries(
    real: MakeVenv, tmp_path: Path, code: str, said: str
) -> None:
    venv = real(tmp_path / 'it\'s a "new\nhome"')
    bare = {"PATH": "/usr/bin:/bin"}

    def python() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [venv / "bin/python", "-c", code + MAPPED], env=bare, capture_output=True, text=True
        )

    assert python().returncode == -6  # SIGABRT: not found
    made = links.link(site_packages(venv))
    found = python()
    assert found.returncode == 0, found.stderr
    assert said in found.stdout.splitlines()
    mapped = [line for line in found.stdout.splitlines() if "/nvidia/" in line]
    wheels = str((site_packages(venv) / "nvidia").resolve())
    assert mapped and all(line.startswith(wheels) for line in mapped)
    assert links.unlink(site_packages(venv)) == made
    assert python().returncode == -6


@pytest.mark.heavy
@pytest.mark.parametrize(
    "version, code, said",
    [
        ("4.5.0", PROOF.replace("import ctypes", "import ctranslate2, ctypes"), PROVED),
        ("4.6.3", CUBLAS, "cuBLAS 1"),
    ],
    ids=["4.5.0", "4.6.3"],
)
def test_other_releases_of_ctranslate2(
    real: MakeVenv, tmp_path: Path, version: str, code: str, said: str
) -> None:
    """4.5.0: its front library has a useless RPATH, but the extension's holds for it. 4.6.3: no
    cuDNN any more, and cuBLAS is still opened by name."""
    venv = real(tmp_path / "ml")
    packages = site_packages(venv)
    for name in ("ctranslate2", "ctranslate2.libs"):
        shutil.rmtree(packages / name)
    install = ["uv", "pip", "install", "-q", "--no-deps", "--target", packages]
    subprocess.run([*install, f"ctranslate2=={version}"], check=True)
    python = [venv / "bin/python", "-c", f"import sys; sys.modules['torch'] = None\n{code}"]
    bare = {"PATH": "/usr/bin:/bin"}
    assert subprocess.run(python, env=bare, capture_output=True).returncode == -6
    links.link(packages)
    found = subprocess.run(python, env=bare, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert said in found.stdout.splitlines()

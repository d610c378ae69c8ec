"""Environments that are broken, as people break them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.support.scenes import MENDS, REBUILDS, USER, Row, Scene
from tests.support.scenes.acts import (
    begins_with,
    beside,
    both,
    closed,
    compiled_was_cut,
    cut,
    emptied,
    installed,
    lacks,
    library,
    limited,
    mounted,
    overwritten,
    placed,
    remounted,
    removed,
    renamed,
    unset,
    variables,
    without_run_path,
)
from tests.support.scenes.weights import (
    cached,
    holds,
    model,
    only_for_root,
    shortened,
    stored,
)

W, S, T, H = "words", "speakers", "torch", "hub"
DAMAGED, UNMET, SHELL = "package-files-damaged", "requirement-unmet", "surroundings-break-the-job"
SHADOWED, STANDARD = "local-file-shadows-module", "python-lacks-standard-modules"
MODEL, DISK = "model-file-incomplete", "disk-full-or-tmp-too-small"
ABSENT, DRIFT = "package-not-in-this-interpreter", "environment-drifted-from-lock"

CTRANSLATE2, HALF = "ctranslate2.libs/libctranslate2-*", lambda size: size // 2
INTERPRETER, EXCHANGED = "interpreter-does-not-start", "python-was-exchanged"
NUMPY_1 = installed("numpy==1.26.4", "numpy", "numpy-*.dist-info", "numpy.libs")


def _bin(scene: Scene, target: str) -> None:
    python = scene.venv / "bin" / "python"
    python.unlink()
    python.symlink_to(target)


def _other_python(scene: Scene) -> None:
    from mlenv.environment import uv

    beside = scene.base.parent.glob("3.1[0-9].*/bin/python3")  # as pyenv keeps them
    known = filter(None, map(uv.find_python, ("3.12", "3.13", "3.10")))
    own = (scene.base / "bin" / "python3").resolve()
    _bin(scene, next(str(other) for other in (*known, *beside) if other.resolve() != own))


def _left_directory(scene: Scene) -> None:
    gone = scene.scratch / "gone"
    gone.mkdir()
    os.chdir(gone)
    scene.starts_here = False
    gone.rmdir()


def _without_proc(scene: Scene) -> None:
    scene.prefix += ["sh", "-c", 'umount -l /proc && exec "$@"', "sh"]


BROKEN: dict[str, Row] = {
    # files of packages
    "a library of PyAV is empty": Row(emptied("av.libs/libavutil-*"), DAMAGED, (W,), repair=MENDS),
    "numpy's BLAS is empty": Row(emptied("numpy.libs/*openblas*"), DAMAGED, (W, S), repair=MENDS),
    "scipy's BLAS is gone": Row(
        removed("scipy.libs/*openblas*"), DAMAGED, (S,), by_hand=True, repair=MENDS
    ),
    "the voice model is gone": Row(
        removed("faster_whisper/assets/silero_vad_v6.onnx"),
        DAMAGED,
        (W,),
        by_hand=True,
        repair=MENDS,
    ),
    "the voice model is empty": Row(
        emptied("faster_whisper/assets/silero_vad_v6.onnx"),
        DAMAGED,
        (W,),
        repair=MENDS,
    ),
    "lightning is gone, its metadata is not": Row(
        removed("lightning"), DAMAGED, (S,), repair=MENDS
    ),
    "pyannote's metadata is empty": Row(
        emptied("pyannote_*.dist-info/METADATA"), DAMAGED, (S,), repair=MENDS
    ),
    "pyannote's dist-info is gone": Row(
        removed("pyannote_audio-*.dist-info"),
        DAMAGED,
        (S,),
        by_hand=True,
        repair=MENDS,
    ),
    "a data file of pyannote is gone": Row(
        removed("pyannote/audio/telemetry/config.yaml"),
        DAMAGED,
        (S,),
        repair=MENDS,
    ),
    "power was lost": Row(
        emptied("tqdm/__init__.py", "faster_whisper/audio.py"), DAMAGED, (W,), repair=MENDS
    ),
    "torch's library begins with zeros": Row(
        overwritten("torch/lib/libtorch_cpu.so", bytes(4096)),
        DAMAGED,
        (T,),
        repair=MENDS,
    ),
    "CTranslate2's library has zeros in its middle": Row(
        overwritten(CTRANSLATE2, bytes(24 << 20), HALF), DAMAGED, (W,), repair=MENDS
    ),
    "a library of tokenizers is cut": Row(
        cut("tokenizers/*.so", 9000), DAMAGED, (W,), repair=MENDS
    ),
    "an extension is for another processor": Row(
        overwritten("av/_core.cpython-*.so", (183).to_bytes(2, "little"), 18),
        DAMAGED,
        (W,),
        repair=MENDS,
    ),
    "an extension is for another Python": Row(
        renamed("av/_core.cpython-*.so", "cpython-311", "cpython-312"),
        DAMAGED,
        (W,),
        repair=MENDS,
    ),
    "CTranslate2's extension lost its run path": Row(
        without_run_path("ctranslate2/_ext*.so"), DAMAGED, (W,), repair=MENDS
    ),
    "torchaudio raises when it is imported": Row(
        begins_with("torchaudio/__init__.py", "raise OSError('out of phase')"),
        DAMAGED,
        (T, S),
        repair=MENDS,
    ),
    "a compiled module was cut": Row(
        compiled_was_cut("tqdm/std.py"), "compiled-module-damaged", (W,), repair=MENDS
    ),
    "the extension of torch is gone": Row(
        removed("torch/_C.cpython-*.so"), DAMAGED, (T, S), repair=MENDS
    ),
    "packages that only root may read": Row(closed("site-packages"), DAMAGED, (W,), user=USER),
    "metadata that only root may read": Row(
        closed("site-packages/rich-*.dist-info"), DAMAGED, (S,), user=USER
    ),
    # what is installed
    "tokenizers was uninstalled": Row(removed("tokenizers*"), UNMET, (W,), repair=MENDS),
    "httpx was uninstalled": Row(removed("httpx*"), UNMET, (H,), repair=MENDS),
    "faster-whisper was uninstalled": Row(
        removed("faster_whisper*"), ABSENT, (W,), repair=REBUILDS
    ),
    "faster-whisper is gone but for its metadata": Row(
        removed("faster_whisper"), DAMAGED, (W,), repair=MENDS
    ),
    "numpy of another major": Row(
        both(NUMPY_1, removed("numpy/core/_multiarray_umath.*")),
        DAMAGED,
        (W,),
        by_hand=True,
        repair=MENDS,
    ),
    "the shims are gone": Row(
        lambda scene: shutil.rmtree(scene.venv / "shims"), "launcher-shim-outdated", repair=MENDS
    ),
    # the Python below
    "Python was built without SQLite": Row(lacks("lib-dynload/_sqlite3.*.so"), STANDARD, (S,)),
    "Python was built without OpenSSL": Row(lacks("lib-dynload/_ssl.*.so"), STANDARD, (H,)),
    "Python was built without libffi": Row(lacks("lib-dynload/_ctypes.*.so"), STANDARD, (W,)),
    "Python was built without liblzma": Row(lacks("lib-dynload/_lzma.*.so"), STANDARD),
    "the Python below is gone": Row(
        lambda scene: _bin(scene, "/opt/python-3.11/bin/python3"),
        INTERPRETER,
        repair=REBUILDS,
    ),
    "another Python is below": Row(_other_python, EXCHANGED, (W,), repair=REBUILDS),
    # variables
    "the certificates that a variable names are gone": Row(
        variables(SSL_CERT_FILE="/gone.pem", REQUESTS_CA_BUNDLE="/gone.pem"), SHELL, (H,)
    ),
    "an empty file of certificates": Row(
        both(placed("ca.pem"), variables(SSL_CERT_FILE="{scratch}/ca.pem")), SHELL, (H,)
    ),
    "a proxy of a kind that needs one more package": Row(
        variables(ALL_PROXY="socks5://127.0.0.1:1"), SHELL, (H,)
    ),
    "a hub without a scheme": Row(variables(HF_ENDPOINT="hub.example"), SHELL, (H,)),
    "an instruction set that is none": Row(variables(CT2_FORCE_CPU_ISA="AVX1024"), SHELL, (W,)),
    "an instruction set that is none, with a model": Row(
        both(stored, variables(CT2_FORCE_CPU_ISA="AVX1024")), SHELL, (W,)
    ),
    "documentation texts are taken out": Row(variables(PYTHONOPTIMIZE="2"), SHELL, (S,)),
    "warnings are errors": Row(variables(PYTHONWARNINGS="error"), SHELL, (S,)),
    "another OpenSSL is on the library path": Row(
        both(
            library("conda/libssl.so.3"),
            library("conda/libcrypto.so.3"),
            variables(LD_LIBRARY_PATH="{scratch}/conda"),
        ),
        SHELL,
        (H,),
    ),
    "an empty libz is on the library path": Row(
        both(placed("tc/libz.so.1"), variables(LD_LIBRARY_PATH="{scratch}/tc")), SHELL, (W,)
    ),
    "the C++ library of a toolchain is on the library path": Row(
        both(library("tc/libstdc++.so.6"), variables(LD_LIBRARY_PATH="{scratch}/tc")),
        SHELL,
        (W,),
    ),
    "PYTHONPATH has other packages": Row(
        both(placed("old/tokenizers.py"), variables(PYTHONPATH="{scratch}/old")), SHELL, (W,)
    ),
    "a module of sitecustomize raises at the end": Row(
        both(
            placed("old/sitecustomize.py", b"import sys; sys.modules['av'] = None\n"),
            variables(PYTHONPATH="{scratch}/old"),
        ),
        SHELL,
        (W,),
    ),
    # the working directory
    "inspect.py beside the script": Row(beside("inspect.py"), SHADOWED, (W, S)),
    "tokenizers.py beside the script": Row(beside("tokenizers.py"), SHADOWED, (W,)),
    "a folder queue beside the script": Row(beside("queue/__init__.py"), SHADOWED, (T, S, H)),
    # mounts, limits and users
    "a mount without code": Row(remounted("noexec"), "environment-on-noexec-mount", (W, T)),
    "/proc is not mounted": Row(_without_proc, "proc-not-mounted", (W,)),
    "next to no shared memory": Row(mounted("size=4k", lambda _: Path("/dev/shm")), DISK),
    "few addresses": Row(limited("--as=3000000000"), "address-space-limited", (T,)),
    "files may have no content": Row(limited("--fsize=0"), "process-limits-too-low"),
    "the working directory is gone": Row(_left_directory, SHELL, (W, T, S)),
    "a user without a name or a HOME": Row(unset("HOME"), "no-home-directory", (S,), user=USER),
    "a HOME that may not be read": Row(
        both(lambda scene: scene.home.chmod(0o700), lambda scene: os.chown(scene.home, 0, 0)),
        "cache-permission-denied",
        (S,),
        user=USER,
    ),
    "temporary files may not be written": Row(
        both(
            lambda scene: (scene.scratch / "tmp").mkdir(mode=0o700),
            variables(TMPDIR="{scratch}/tmp"),
        ),
        "cache-permission-denied",
        user=USER,
    ),
    # models
    "a model in the store is cut": Row(model(stored, shortened), MODEL, repair=MENDS),
    "a model in the hub's cache is cut": Row(model(cached, shortened), MODEL, repair=MENDS),
    "a model in the hub's cache has no weights": Row(
        lambda scene: (cached(scene) / "model.bin").unlink(),
        MODEL,
        repair=MENDS,
    ),
    "a model is an HTML page": Row(
        model(cached, holds(b"<!DOCTYPE html><title>Sign in</title>" * 40)),
        MODEL,
        repair=MENDS,
    ),
    "a model is a pointer of Git LFS": Row(
        model(stored, holds(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
        MODEL,
        repair=MENDS,
    ),
    "a model is PyTorch's": Row(
        model(cached, holds(b"PK\x03\x04" + bytes(4000))), MODEL, repair=MENDS
    ),
    "a model is empty": Row(model(cached, holds(b"")), MODEL, repair=MENDS),
    "a model's link leads to nothing": Row(model(cached, os.unlink), MODEL, repair=MENDS),
    "a model that only root may read": Row(model(cached, only_for_root), MODEL, user=USER),
    "a bit of a model's tokenizer fell over": Row(
        lambda scene: _flipped(cached(scene) / "tokenizer.json"),
        MODEL,
        repair=MENDS,
    ),
}


def _flipped(link: os.PathLike[str]) -> None:
    file = Path(link).resolve()
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content.replace(b'"the"', b'"teh"', 1))

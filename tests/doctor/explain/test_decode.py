"""Numbers in a log, in words."""

from __future__ import annotations

import pytest

from mlenv.doctor.explain.decode import numbers
from tests.support.logs import ids

VERSION = "RuntimeError: Unsupported model binary version: the model has binary version v{}."


@pytest.mark.parametrize(
    ("log", "meaning"),
    [
        (VERSION.format(1936876918), "1936876918 is the file's first 4 bytes: `vers`, a Git LFS"),
        (VERSION.format(1329865020), "1329865020 is the file's first 4 bytes: `<!do`, an HTML"),
        (VERSION.format(67324752), "67324752 is the file's first 4 bytes: a zip archive"),
        (VERSION.format(1179993927), "1179993927 is the file's first 4 bytes: `gguf`, a GGUF"),
        ("invalid model data (bad magic 0x7372 6576)", ""),
        ("bad magic: 0x73726576", "73726576 is the file's first 4 bytes: `vers`, a Git LFS"),
        ("bad magic: 3c21646f", "3c21646f is the file's first 4 bytes: `<!do`, an HTML page"),
        ("invalid magic characters: '<!DO'", "'<!do' is the file's first 4 bytes: `<!do`, an"),
        (
            "UnpicklingError: invalid load key, '<'.",
            "'<' is the file's first byte: `<`, an HTML page",
        ),
        ("Unsupported operand 60", "60 is the file's first byte: `<`, an HTML page"),
        ("exit code 137", "exit code 137: the program was ended by SIGKILL"),
        ("returned non-zero exit status -11.", "exit code -11: the program was ended by SIGSEGV"),
        (
            "ended with code 3221225501",
            "exit code 3221225501 is Windows' 0xC000001D: illegal instruction",
        ),
        ("exited with code -1073741819", "exit code -1073741819 is Windows' 0xC0000005: access"),
        ("[WinError 1314] ?", "Windows' error 1314: the account may not make links"),
        ("(os error 10054)", "Windows' error 10054: the other side closed the connection"),
        ("exit code 1", ""),
        ("error code 0", ""),
        ("(os error 2)", ""),  # the same number on Linux says the same in words
        (VERSION.format(7), ""),
    ],
)
def test_meaning(log: str, meaning: str) -> None:
    found = numbers(log)
    assert (found[0] if found else "").startswith(meaning)
    assert len(found) == bool(meaning)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (1936876918, "git-lfs-pointer-instead-of-weights"),
        (1868833084, "model-file-is-html-page"),
        (1836345404, "model-file-is-html-page"),
        (1329865020, "model-file-is-html-page"),
        (67324752, "model-not-ctranslate2-format"),
        (176816768, "model-not-ctranslate2-format"),
        (1179993927, "model-not-ctranslate2-format"),
        (95000, "model-not-ctranslate2-format"),
        (8, "ctranslate2-older-than-model"),
    ],
)
def test_the_version_of_a_model_tells_what_the_file_is(number: int, cause: str) -> None:
    assert ids(VERSION.format(number)) == [cause]

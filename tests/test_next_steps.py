"""Every error names what to do next: of its own, by the system's error number, or by its code."""

import errno
import os
from pathlib import Path

import pytest

from documentation import errors
from mlenv import files
from mlenv.result import MlenvError, Problem, from_os_error, next_steps

# What files, disks, mounts, processes and networks answer with; each has a step of its own.
COMMON = (
    *("ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR"),
    *("EEXIST", "ENOTEMPTY", "ELOOP", "ENAMETOOLONG", "EINVAL", "EMFILE", "ENFILE", "ENOMEM"),
    *("EIO", "ESTALE", "ENOTCONN", "EREMOTEIO", "EBUSY", "ETXTBSY", "ENOLCK", "EXDEV", "EAGAIN"),
    *("ENOTSUP", "ENOEXEC", "EPIPE", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH"),
    *("EHOSTUNREACH", "ETIMEDOUT"),
)


def test_no_place_in_the_source_makes_an_error_without_a_step() -> None:
    assert list(errors.stepless()) == []


def test_a_place_without_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_steps, "of_code", lambda _code: "")
    named = list(errors.stepless())
    assert any(place.endswith(": worker-died") for place in named)
    assert not any(place.endswith(": not-a-venv") for place in named)  # it has a hint of its own


def test_no_step_is_for_a_code_that_nothing_has() -> None:
    assert set(next_steps.table()["code"]) - set(errors.codes()) == set()


@pytest.mark.parametrize("name", COMMON)
def test_a_common_error_of_the_system(name: str) -> None:
    assert name in next_steps.table()["system"]
    number = getattr(errno, name)
    error = from_os_error(OSError(number, os.strerror(number), "/some where/x"))
    words = error.problem().text.splitlines()
    assert words[0] == f"{os.strerror(number)}: /some where/x"
    assert len(words) == 2
    assert "{" not in words[1] and "`  " not in words[1]


def test_each_number_is_one_of_this_system_and_any_other_has_a_step_too() -> None:
    assert {*next_steps.table()["system"]} - {"other"} <= set(dir(errno))
    for number in errno.errorcode:
        assert from_os_error(OSError(number, os.strerror(number))).hint


def test_the_cause_of_an_error_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MlenvError) as caught:
        files.make_directory(tmp_path / "file/folder")
    assert caught.value.problem().text == (
        f"{tmp_path}/file/folder can't be made: Not a directory.\n"
        "A part of that path is a file, not a folder: name another path."
    )


def test_a_hint_of_its_own_comes_first_then_the_cause_then_the_code() -> None:
    def made(hint: str, cause: Exception | None) -> str:
        try:
            raise MlenvError("not-writable", "No.", hint) from cause
        except MlenvError as error:
            return error.problem().text.partition("\n")[2]

    full = OSError(errno.ENOSPC, "full")
    assert made("Do.", full) == "Do."
    assert made("", full) == next_steps.of_system(full)
    assert made("", ValueError()) == next_steps.of_code("not-writable")
    assert Problem("not-writable", "No.").document() == {
        "code": "not-writable",
        "message": f"No.\n{next_steps.of_code('not-writable')}",
    }

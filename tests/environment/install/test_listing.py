"""What a wheel holds is looked at before it is unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from mlenv.environment.install import listing
from mlenv.result import MlenvError
from tests.support.index import wheel

NAME = "tensors-2.5.1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("../evil.py", True),
        ("/evil.py", True),
        ("tensors/../../evil.py", True),
        ("tensors-2.5.1.data/scripts/../../../evil", True),
        ("./../evil.py", True),
        ("tensors/../evil.py", False),
        ("tensors/..evil.py", False),
        ("tensors-2.5.1.data/data/share/evil", False),
        ("..\\evil.py", False),
    ],
)
def test_names_that_lead_out(tmp_path: Path, name: str, outside: bool) -> None:
    (tmp_path / NAME).write_bytes(wheel("tensors", "2.5.1", **{name: "evil = True\n"})[1])
    if not outside:
        listing.check(tmp_path)
        return
    with pytest.raises(MlenvError) as raised:
        listing.check(tmp_path)
    assert raised.value.message == (
        f"The wheel {NAME} holds `{name}`, which leads out of the environment."
    )


def test_what_a_terminal_would_obey_is_not_repeated(tmp_path: Path) -> None:
    name = "../\x1b[2Jevil.py"
    (tmp_path / NAME).write_bytes(wheel("tensors", "2.5.1", **{name: ""})[1])
    with pytest.raises(MlenvError, match=r"holds `\.\./\?\[2Jevil\.py`"):
        listing.check(tmp_path)


def test_a_bomb(tmp_path: Path) -> None:
    """A million zeros, which say that they are four billion."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tensors/zeros", bytes(1_000_000))
    size, claimed = ((number).to_bytes(4, "little") for number in (1_000_000, 4_000_000_000))
    (tmp_path / NAME).write_bytes(buffer.getvalue().replace(size, claimed))
    with pytest.raises(MlenvError) as raised:
        listing.check(tmp_path)
    assert raised.value.message == (
        f"The wheel {NAME} has 0.0 MB and would unpack to 4.0 GB: it is made to fill a disk."
    )


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\5\6" + bytes(18), bytes(1000)])
def test_what_is_no_wheel_is_left_to_uv(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    listing.check(tmp_path)


def test_the_end_of_a_wheel_is_enough_for_its_names() -> None:
    """What a server that gives parts answers; the other kind is in the tests of the commands."""
    content = wheel("tensors", "2.5.1", **{"../evil.py": "x" * 5000})[1]
    with zipfile.ZipFile(io.BytesIO(content[-600:])) as archive:
        assert listing._outside(archive.namelist()) == ["../evil.py"]

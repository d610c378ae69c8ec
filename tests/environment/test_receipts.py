"""Receipts of `verify`: what changed since the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mlenv.environment import receipts

ROW = receipts.Row(
    model="base",
    device="cpu",
    measure="word error rate",
    load=1.0,
    inference=4.0,
    error_rate=0.05,
)
RECEIPT = receipts.Receipt(
    schema=1,
    mlenv="0.1.0",
    when="2026-01-01T10:00:00+00:00",
    venv="/e",
    generation="001-cu124-aa",
    profile="cu124",
    lock_sha256="aa",
    driver="550.54",
    gpus=(),
    libraries=(receipts.Library(path="/e/libcudnn.so.9", bytes=10),),
    rows=(ROW,),
)


def row(**changed: Any) -> receipts.Row:
    return replace(ROW, **changed)


def receipt(**changed: Any) -> receipts.Receipt:
    return replace(RECEIPT, **changed)


def test_nothing_changed() -> None:
    assert receipts.changes(receipt(), receipt()) == []
    assert receipts.changes(None, receipt()) == []


def test_noise_is_no_change() -> None:
    now = receipt(rows=(row(load=1.4, inference=5.5, error_rate=0.06),))
    assert receipts.changes(receipt(), now) == []


def test_slower_and_worse() -> None:
    now = receipt(rows=(row(load=1.4, inference=8.0, error_rate=0.2),))
    assert receipts.changes(receipt(), now) == [
        "base on cpu: inference takes 8.0 s, 4.0 s before",
        "base on cpu: the word error rate is 0.200, 0.050 before",
    ]


def test_lock_driver_and_library_files() -> None:
    now = receipt(
        lock_sha256="bb",
        driver=None,
        libraries=(
            receipts.Library(path="/e/libcudnn.so.9", bytes=11),
            receipts.Library(path="/e/new.so", bytes=1),
        ),
    )
    assert receipts.changes(receipt(), now) == [
        "the lock: aa before, bb now",
        "the NVIDIA driver: 550.54 before, none now",
        "/e/new.so is loaded now",
        "/e/libcudnn.so.9 is another file than before",
    ]


def test_the_last_one_counts_and_old_ones_go(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    venv = Path("/home/me/.venvs/ml")
    assert receipts.latest(venv, environ) is None
    for minute in range(25):
        receipts.keep(venv, receipt(when=f"2026-01-01T10:{minute:02}:00+00:00"), environ)
    last = receipts.latest(venv, environ)
    assert last is not None
    assert last.when == "2026-01-01T10:24:00+00:00"
    assert len(list(receipts.folder(venv, environ).iterdir())) == receipts.KEPT


def test_a_receipt_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    path = receipts.keep(Path("/v"), receipt(), environ)
    path.with_name("9.json").write_text("{half")
    assert receipts.latest(Path("/v"), environ) == receipt()


def test_each_environment_has_its_own(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    receipts.keep(Path("/a/ml"), receipt(), environ)
    assert receipts.latest(Path("/b/ml"), environ) is None

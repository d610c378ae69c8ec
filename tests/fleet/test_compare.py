"""Differences between hosts: who deviates, in what, and where it is not known."""

from __future__ import annotations

from mlenv.fleet import compare
from mlenv.fleet.documents import Alike, Difference, Group
from mlenv.fleet.traits import DRIVER, LIBRARIES, PACKAGES, Subject, Traits


def traits(values: dict[Subject, str], *whole: str, unknown: tuple[Subject, ...] = ()) -> Traits:
    return Traits(values, frozenset(whole), frozenset(unknown))


def versions(**packages: str) -> Traits:
    return traits({(PACKAGES, name): version for name, version in packages.items()}, PACKAGES)


def test_hosts_that_deviate_stand_behind_those_that_have_the_usual_value() -> None:
    hosts = {"a": versions(torch="2.5"), "b": versions(torch="2.6"), "c": versions(torch="2.5")}
    assert compare.compared(hosts, []).differences == (
        Difference(
            topic=PACKAGES,
            subjects=("torch",),
            groups=(
                Group(hosts=("a", "c"), failing=0, values={"torch": "2.5"}),
                Group(hosts=("b",), failing=0, values={"torch": "2.6"}),
            ),
            usual=True,
            unknown=(),
        ),
    )


def test_what_the_same_hosts_have_otherwise_stands_together() -> None:
    hosts = {
        "a": versions(torch="2.5", triton="3.1", numpy="2.0"),
        "b": versions(torch="2.6", numpy="2.0"),
        "c": versions(torch="2.5", triton="3.1", numpy="2.0"),
    }
    compared = compare.compared(hosts, [])
    (difference,) = compared.differences
    assert difference.subjects == ("torch", "triton")
    assert [(group.hosts, group.values) for group in difference.groups] == [
        (("a", "c"), {"torch": "2.5", "triton": "3.1"}),
        (("b",), {"torch": "2.6", "triton": None}),
    ]
    assert compared.alike == (Alike(topic=PACKAGES, subject="numpy", value="2.0", unknown=()),)


def test_without_a_majority_no_value_is_the_usual_one() -> None:
    hosts = {"a": versions(torch="2.5"), "b": versions(torch="2.6")}
    (difference,) = compare.compared(hosts, []).differences
    assert not difference.usual


def test_what_is_not_known_is_no_difference_and_is_said() -> None:
    lock = (LIBRARIES, "libcudnn.so.9")
    hosts = {
        "a": traits({lock: "here"}, LIBRARIES),
        "b": traits({}),
        "c": traits({}, LIBRARIES, unknown=(lock,)),
    }
    compared = compare.compared(hosts, [])
    assert compared.differences == ()
    assert compared.alike == (
        Alike(topic=LIBRARIES, subject="libcudnn.so.9", value="here", unknown=("b", "c")),
    )
    (difference,) = compare.compared({**hosts, "d": traits({}, LIBRARIES)}, []).differences
    assert (difference.unknown, difference.usual) == (("b", "c"), False)


def test_what_broken_hosts_have_otherwise_comes_first() -> None:
    def host(driver: str, torch: str) -> Traits:
        return traits({(DRIVER, "driver"): driver, (PACKAGES, "torch"): torch}, DRIVER, PACKAGES)

    hosts = {
        "a": host("550", "2.6"),
        "b": host("550", "2.5"),
        "c": host("550", "2.5"),
        "d": host("535", "2.5"),
    }

    def order(*failing: str) -> list[str]:
        return [each.topic for each in compare.compared(hosts, failing).differences]

    assert order() == order("b", "c") == order("d") == [DRIVER, PACKAGES]
    assert order("a") == [PACKAGES, DRIVER]
    (first, _) = compare.compared(hosts, ["a"]).differences
    assert [group.failing for group in first.groups] == [0, 1]

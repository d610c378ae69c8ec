"""Which profile a machine gets, and what `mlenv profiles` says of them."""

from __future__ import annotations

import json

import pytest

from mlenv.environment.install import select
from mlenv.environment.install.select import PassedOver
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine.host import Host
from mlenv.result import MlenvError
from tests.support.running import Run

ALL = [profiles.load(name) for name in select.PREFERENCE]


def no_pytorch_index(profile: Profile) -> str:
    return "its index does not answer" if profile.indexes else ""


def everything(_: Profile) -> str:
    return ""


MACHINES = {
    "laptop": Host("linux-x86_64", "2.36", None),
    "no driver yet": Host("linux-x86_64", "2.36", None, device=True),
    "hopper": Host("linux-x86_64", "2.36", "550.54.14", (("NVIDIA H100", "9.0"),)),
    "blackwell": Host("linux-x86_64", "2.39", "580.65.06", (("RTX 5090", "12.0"),)),
    "mac": Host("macos-arm64", None, None),
    "arm": Host("linux-aarch64", "2.35", None),
    "old driver": Host("linux-x86_64", "2.36", "470.82.01", (("Tesla T4", "7.5"),)),
}


@pytest.mark.parametrize(
    ("machine", "available", "taken"),
    [
        ("laptop", everything, "cpu"),
        ("no driver yet", everything, "cu121"),
        ("laptop", no_pytorch_index, "cu124"),
        ("hopper", everything, "cu121"),
        ("hopper", no_pytorch_index, "cu124"),
        ("blackwell", everything, "cu128"),
        ("mac", everything, "cpu"),
        ("arm", everything, "whisper"),
        ("old driver", everything, "cpu"),
    ],
)
def test_the_best_of_those_that_run_and_can_be_had(
    machine: str, available: select.Available, taken: str
) -> None:
    host = MACHINES[machine]
    ordered = [profiles.load(name) for name in select.preference(host)]
    assert select.best(ordered, host, available).profile.name == taken


def test_a_device_without_a_driver_is_told_which_it_needs() -> None:
    verdict = select.judge(profiles.load("cu124"), MACHINES["no driver yet"])
    needs = profiles.load("cu124").machine.driver
    assert verdict.why == (
        f"on the CPU: the NVIDIA device has no driver; with driver {needs} it can be used"
    )


def test_it_says_which_it_passed_over_and_why() -> None:
    verdict = select.best(ALL, MACHINES["blackwell"], no_pytorch_index)
    no_code = "its builds carry no code for the RTX 5090 (compute capability 12.0)"
    assert verdict.passed_over == (PassedOver("cu121", no_code), PassedOver("cu124", no_code))


def test_no_profile_at_all() -> None:
    with pytest.raises(MlenvError, match=r"No profile can be installed here\. cu121: nothing;"):
        select.best(ALL, MACHINES["laptop"], lambda _: "nothing")


def test_the_list_names_all_the_preferred_first(mlenv: Run) -> None:
    data = json.loads(mlenv("profiles", "--json").stdout)["data"]
    assert [row["name"] for row in data["profiles"]] == list(select.PREFERENCE)
    assert set(select.PREFERENCE) == set(profiles.names())
    assert all(row["for"] and row["runs"] == (row["against"] == []) for row in data["profiles"])


def test_show_says_what_it_is_and_why_each_override(mlenv: Run) -> None:
    data = json.loads(mlenv("profiles", "show", "cu121", "--json").stdout)["data"]
    assert data["family"] == {
        "packages": ["torch", "torchvision", "torchaudio"],
        "index": "pytorch-cu121",
        "local": "cu121",
    }
    assert data["needs"]["driver"] == "525.60.13" and data["needs"]["gpu"][-1] == "9.0"
    assert data["pins"]["torch"] == ["2.5.1+cu121"]
    text = mlenv("profiles", "show", "cu121").stdout
    for said in (
        "torch, torchvision, torchaudio from https://download.pytorch.org/whl/cu121 alone",
        "together from one index, each as +cu121: torch, torchvision, torchaudio",
        "  torch==2.5.1: pyannote.audio 4.0.3 pins torch==2.8.0",
        "  without torchcodec: No torchcodec that pyannote.audio can use",
    ):
        assert said in text


def test_diff(mlenv: Run) -> None:
    data = json.loads(mlenv("profiles", "diff", "cu121", "cu124", "--json").stdout)["data"]
    assert data["versions"]["torch"] == [["2.5.1+cu121"], ["2.5.1"]]
    assert data["only"] == [{}, {}]
    assert data["needs"]["cuda"] == ["12.1", "12.4"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shew",), "Unknown action `shew`."),
        (("show",), "`mlenv profiles show` takes 1 profile names, not 0."),
        (("diff", "cu121"), "`mlenv profiles diff` takes 2 profile names, not 1."),
    ],
)
def test_wrong_usage(mlenv: Run, arguments: tuple[str, ...], said: str) -> None:
    done = mlenv("profiles", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}\n")


def test_the_profiles_that_the_project_promises() -> None:
    for name, promised in (
        ("cu121", {"torch": "2.5.1+cu121", "torchvision": "0.20.1+cu121", "ctranslate2": "4.6.2"}),
        ("cu124", {"torch": "2.5.1", "nvidia-cudnn-cu12": "9.1.0.70", "ctranslate2": "4.6.2"}),
        ("cu128", {"torch": "2.8.0", "torchvision": "0.23.0", "torchaudio": "2.8.0"}),
        ("cu130", {"torch": "2.11.0", "torchaudio": "2.11.0", "faster-whisper": "1.2.1"}),
        ("cpu", {"faster-whisper": "1.2.1", "pyannote-audio": "4.0.3"}),
        ("whisper", {"faster-whisper": "1.2.1", "ctranslate2": "4.8.5"}),
    ):
        pins = profiles_pins(name)
        assert {package: pins[package] for package in promised} == promised
    assert profiles_pins("cu130")["nvidia-cublas-cu12"].startswith("12.")
    assert "torch" not in profiles_pins("whisper")


def profiles_pins(name: str) -> dict[str, str]:
    from mlenv.environment.lockfile import locks

    return locks.load(profiles.load(name)).versions()

"""The page of `doctor --html`, made of recorded facts: what stands where."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from msgspec import UNSET
from msgspec.structs import replace as changed

from mlenv.cli.render import doctor_page, pages
from mlenv.doctor.documents import DoneStep, Fix, Step
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.packages import Distribution
from mlenv.doctor.facts.target import Interpreter
from mlenv.machine.driver import Driver, Gpu, Nvml
from tests.support.reports import WHEN, diagnosis, doctor_html, parsed, recorded, table, words

LOST = "cudnn9-sublib-not-on-loader-path"
OWN = "~/.venvs/broken/lib/python3.11/site-packages"
HERE = "no NVIDIA driver here: programs run on the CPU"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")


def test_the_verdict_comes_first_and_then_what_to_do() -> None:
    page = parsed(doctor_html(recorded("broken"), [LOST], ["--venv", "/home/user/.venvs/broken"]))
    main = page.get_element_by_id("main")
    assert words(main[0]) == "Broken"
    assert words(main[1]) == "1 check failed, 3 warnings; torch, speakers, words, hub tried"
    assert [words(each) for each in main.iter("h2", "h3")] == [
        "Findings",
        "cuDNN's libraries are installed, but the loader does not find them",
        "The environment no longer holds what its lock names",
        "bin/activate does not export the launch environment",
        "A launcher starts programs with settings that are no longer right",
        "Not tried, not looked at",
        "What loads what",
        "Driver and CUDA",
        "Three ways to start programs",
        "Disk, by package",
        "All checks",
    ]
    assert [words(each) for each in page.xpath("//dl[@class='facts']//dd")] == [
        "~/.venvs/broken", "3.11.7", "2.5.1+cu124", "none", "none", "91 in 9.5 s",
    ]  # fmt: skip
    first = page.xpath("//article")[0]
    assert [words(each) for each in first.xpath("./dl/dd[1]//li")][:2] == [
        f"in the launch environment: cudnnCreateTensorDescriptor through {OWN}/nvidia/cudnn/lib/"
        "libcudnn.so.9 was ended by SIGABRT",
        f"missing: libcudnn_ops.so.9; no libcudnn_ops is in {OWN}",
    ]
    assert [each.get("data-copy") for each in page.xpath("//button[@data-copy]")] == [
        "uv pip install --python ~/.venvs/broken/bin/python --no-deps --reinstall "
        "nvidia-cudnn-cu12==9.1.0.70",
        "mlenv install --venv ~/.venvs/broken",
        "mlenv doctor --fix --venv ~/.venvs/broken",
        "mlenv doctor --fix --venv ~/.venvs/broken",
        "mlenv doctor --venv ~/.venvs/broken --fix",
    ]


def test_each_way_names_the_file_that_was_mapped() -> None:
    page = parsed(doctor_html(recorded("broken")))
    died = "the process was ended by SIGABRT: Invalid handle. Cannot load symbol "
    died += "cudnnCreateTensorDescriptor"
    torch, audio, vision = "torch 2.5.1+cu124", "torchaudio 2.5.1+cu124", "torchvision 0.20.1+cu124"
    runtime = f"{OWN}/nvidia/cuda_runtime/lib/libcudart.so.12"
    cublas = f"{OWN}/nvidia/cublas/lib/libcublas.so.12"
    front = f"{OWN}/ctranslate2.libs/libcudnn-74a4c495.so.9.1.0"
    assert table(page, "Table: mlenv exec") == [
        ["From", "To", "How", "State", "Files in memory"],
        [audio, torch, "linked", "found", f"{OWN}/torch/lib/libtorch.so"],
        [audio, "CUDA runtime", "linked", "found", runtime],
        [vision, torch, "linked", "found", f"{OWN}/torch/lib/libtorch.so"],
        [vision, "CUDA runtime", "linked", "found", runtime],
        [torch, "CUDA runtime", "linked", "found", runtime],
        [torch, "cuBLAS", "linked", "found", cublas],
        [torch, "cuDNN", "linked", "found", f"{OWN}/nvidia/cudnn/lib/libcudnn.so.9"],
        ["ctranslate2 4.6.2", "cuDNN front", "linked", "found", front],
        ["cuDNN front", "libcudnn_ops.so.9", "opened by name", "not found", died],
        ["ctranslate2 4.6.2", "cuBLAS", "opened by name", "found", cublas],
        ["CUDA runtime", "NVIDIA driver", "opened by name", "not here", HERE],
        ["ctranslate2 4.6.2", "NVIDIA driver", "built in", "not here", HERE],
    ]
    shell = table(page, "Table: your shell")
    assert [row for row in shell if "outside" in row[3]] == [
        ["ctranslate2 4.6.2", "cuBLAS", "opened by name", "from outside",
         "/usr/local/cuda-12.2/lib64/libcublas.so.12"],
    ]  # fmt: skip


def test_the_drawing_marks_faults_by_shape_and_word_too() -> None:
    page = parsed(doctor_html(recorded("broken")))
    launch, shell, activated = page.xpath("//svg[@class='loads']")

    def boxes(drawing: object, state: str) -> list[list[str]]:
        found = drawing.xpath(f".//g[@class='box {state}']")  # type: ignore[attr-defined]
        return [[words(text) for text in box.xpath(".//text")] for box in found]

    assert boxes(launch, "missing") == [["libcudnn_ops.so.9", "not found"]]
    assert boxes(launch, "broken") == [["cuDNN", "nvidia/cudnn/lib", "does not load"]]
    assert boxes(shell, "outside") == [["cuBLAS", "/usr/local/cuda-12.2/lib64", "from outside"]]
    assert [box[::2] for box in boxes(activated, "outside")] == [
        ["cuDNN", "from outside"],
        ["cuBLAS", "from outside"],
    ]
    assert len(launch.xpath("./g/svg[@class='mark missing']")) == 1  # on the edge
    described = page.get_element_by_id(launch.get("aria-labelledby"))
    assert "cuDNN front to libcudnn_ops.so.9: not found; the process was ended" in words(described)


def test_three_ways_stand_side_by_side() -> None:
    page = parsed(doctor_html(recorded("broken")))
    rows = table(page, "Three ways to start programs, side by side")
    activated = "~/.venvs/.ml.mlenv/generations/001-cu124-53feeb84"
    said = "the process was ended by SIGABRT: Invalid handle. Cannot load symbol"
    packages = f"{activated}/lib/python3.11/site-packages/nvidia"
    link = "~/.venvs/ml/lib/python3.11/site-packages/nvidia"
    assert rows == [
        ["", "Your shell", "After activate", "mlenv exec"],
        [
            "Libraries",
            f"does not load: cuDNN {said} cudnnCreateTensorDescriptor "
            f"not found: libcudnn_graph.so.9 {said} cudnnGetVersion "
            "from outside: cuBLAS /usr/local/cuda-12.2/lib64",
            f"from outside: cuDNN {packages}/cudnn/lib from outside: cuBLAS {packages}/cublas/lib",
            f"does not load: cuDNN {said} cudnnCreateTensorDescriptor "
            f"not found: libcudnn_ops.so.9 {said} cudnnCreateTensorDescriptor",
        ],
        ["NVIDIA driver", HERE, HERE, HERE],
        ["python is in", "/usr/bin", f"{activated}/bin", "~/.venvs/broken/bin"],
        [
            "LD_LIBRARY_PATH",
            "/usr/local/cuda-12.2/lib64",
            f"{link}/cudnn/lib {link}/cublas/lib {link}/cuda_nvrtc/lib",
            "nvidia/cudnn/lib nvidia/cublas/lib nvidia/cuda_nvrtc/lib",
        ],
        ["Other variables that decide", "none", "none", "none"],
        ["To the loader the same as", "none", "none", "none"],
    ]


def test_a_driver_is_held_against_each_build() -> None:
    gpu = Gpu(0, "NVIDIA A10G", memory_total=24 << 30, capability=(8, 6))
    old = Driver(Nvml(True, "libnvidia-ml.so.1", "470.42.01", 11040, (gpu,)), "470.42.01")
    facts = recorded("healthy")
    page = parsed(doctor_html(replace(facts, driver=old)))
    assert "Driver 470.42.01 carries CUDA 11.4." in words(page)
    assert table(page, "Builds and drivers")[1:] == [
        ["torch 2.5.1+cu124", "CUDA 12.4", "525.60.13 or later", "driver too old"],
        ["ctranslate2 4.6.2", "CUDA 12.4", "525.60.13 or later", "driver too old"],
    ]
    fitting = replace(old, nvml=replace(old.nvml, driver="535.54.03", cuda=12020))
    page = parsed(doctor_html(replace(facts, driver=fitting)))
    assert [row[3] for row in table(page, "Builds and drivers")[1:]] == ["carried", "carried"]
    page = parsed(doctor_html(facts))
    assert [row[3] for row in table(page, "Builds and drivers")[1:]] == ["no driver", "no driver"]


def test_packages_stand_by_size() -> None:
    page = parsed(doctor_html(recorded("healthy")))
    assert "120 packages, 6.01 GB in all." in words(page)
    rows = table(page, "The largest")
    assert rows[:3] == [
        ["Package", "Version", "Files", ""],
        ["torch", "2.5.1", "1.75 GB", ""],
        ["nvidia-cudnn-cu12", "9.1.0.70", "1.02 GB", ""],
    ]
    assert (len(rows), len(table(page, "The others"))) == (13, 109)
    quick = replace(
        recorded("healthy").packages,
        distributions=tuple(
            replace(each, bytes=None) for each in recorded("healthy").packages.distributions
        ),
    )
    page = parsed(doctor_html(replace(recorded("healthy"), quick=True, packages=quick)))
    assert "Not measured in a quick look." in words(page)


def test_what_could_not_be_looked_at_is_told() -> None:
    facts = replace(recorded("healthy"), unseen=("packages: [Errno 5] Input/output error",))
    page = parsed(doctor_html(facts))
    (left,) = page.xpath("//section[@aria-labelledby='left']")
    told = [words(each) for each in left.iter("li")]
    assert "packages: [Errno 5] Input/output error" in told
    assert any(each.startswith("Could not be looked at: ") for each in told)


HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x"


def test_text_of_the_machine_is_shown_as_text() -> None:
    facts = recorded("broken")
    strange = Distribution(HOSTILE, HOSTILE, "/x", bytes=5_000_000_000)
    step = replace(facts.runs[0].steps[0], error=HOSTILE)
    run = replace(facts.runs[0], steps=(step,), mapped=(f"/{HOSTILE}",))
    way = replace(facts.environments[0], variables={"LD_" + HOSTILE: HOSTILE})
    facts = replace(
        facts,
        venv=f"/{HOSTILE}",
        packages=replace(facts.packages, distributions=(strange,)),
        runs=(run, *facts.runs[1:]),
        environments=(way, *facts.environments[1:]),
    )
    page = parsed(doctor_html(facts, [LOST], ["--venv", f"/{HOSTILE}"]))
    assert (len(page.xpath("//script")), len(page.xpath("//img"))) == (1, 0)
    assert [name for each in page.iter() for name in each.attrib if name.startswith("on")] == []
    assert table(page, "The largest")[1] == [HOSTILE, HOSTILE, "5 GB", ""]
    assert words(page.xpath("//dl[@class='facts']//dd")[0]) == f"/{HOSTILE}"
    last = page.xpath("//button[@data-copy]")[-1].get("data-copy")
    assert shlex.split(last) == ["mlenv", "doctor", "--venv", f"/{HOSTILE}", "--fix"]


def test_the_page_asks_for_nothing() -> None:
    page = parsed(doctor_html(recorded("broken")))
    links = {value for each in page.iter() for name, value in each.attrib.items()
             if name in ("src", "href", "action", "data", "poster", "srcset")}  # fmt: skip
    assert links == {"data:,", "#main"}
    assert "url(" not in "".join(page.xpath("//style/text()"))


def test_names_of_people_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "anna")
    facts = replace(recorded("broken"), venv="/scratch/anna/ml")
    python = "/scratch/anna/ml/bin/python"
    facts = replace(facts, interpreter=replace(facts.interpreter, executable=python))
    html = doctor_html(facts)
    assert ("anna" in html, "/home/user" in html) == (False, False)
    page = parsed(html)
    (first, *_) = page.xpath("//button[@data-copy]")
    assert first.get("data-copy").startswith("uv pip install --python /scratch/user/ml/bin/python")
    assert "Put the right name in the place of “user”." in words(first.getparent().getparent())


def test_the_plan_of_a_repair_and_its_outcome() -> None:
    record, layout = diagnosis(recorded("broken"))
    step = {"what": "Link the parts of cuDNN", "ids": (LOST,), "command": ("mlenv", "install")}
    planned = changed(record, fix=Fix(before=(), plan=(Step(**step),), done=()))  # type: ignore[arg-type]
    (section,) = parsed(doctor_page.page(planned, layout, when=WHEN)).xpath(
        "//section[@aria-labelledby='fix']"
    )
    assert words(section) == (
        f"The plan of --fix Link the parts of cuDNN For {LOST} mlenv installCopy"
    )
    done = DoneStep(**step, error="no room")  # type: ignore[arg-type]
    repaired = changed(record, fix=Fix(before=(), plan=(Step(**step),), done=(done,)))  # type: ignore[arg-type]
    (section,) = parsed(doctor_page.page(repaired, layout, when=WHEN)).xpath(
        "//section[@aria-labelledby='fix']"
    )
    assert words(section) == f"Repaired Failed Link the parts of cuDNN For {LOST} no room"
    assert record.fix is UNSET


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("mlenv", "install"), "mlenv install"),
        (("a", "~/my venvs/x"), "a ~/'my venvs/x'"),
        (("cd", "~"), "cd ~"),
        (("rm", "-r", "~/"), "rm -r ~/"),
        (("echo", "$HOME; ls"), "echo '$HOME; ls'"),
    ],
)
def test_commands_can_be_pasted(argv: tuple[str, ...], line: str) -> None:
    assert pages.shell(argv) == line


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "not known"), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"),
     (6_012_345_678, "6.01 GB"), (1.5e15, "1.5e+03 TB")],
)  # fmt: skip
def test_sizes(number: float | None, text: str) -> None:
    assert pages.size(number) == text


def test_sentences_with_code() -> None:
    assert str(pages.prose("run `a <b>` & go")) == "run <code>a &lt;b&gt;</code> &amp; go"
    assert str(pages.prose("one ` alone")) == "one ` alone"


def test_where_nothing_could_be_looked_at_the_page_says_so() -> None:
    """An interpreter that does not start: no environment, no library, no package is known."""
    python = Interpreter("/e/bin/python", "/e", "/e/lib", "/e/lib", error="it did not answer")
    page = parsed(doctor_html(Facts("/e", False, python)))
    assert "No library was opened here." in words(page)
    assert "No build here uses CUDA." in words(page)
    rows = table(page, "Three ways to start programs, side by side")
    assert rows[1][1:] == ["not looked at: no bash or no activate script"] * 3
    assert words(page.xpath("//section[@aria-labelledby='disk']/p")[0]) == "Not measured."
    assert words(page.xpath("//dl[@class='facts']//dd")[1]) == "does not start"


def test_a_quick_look_does_not_call_libraries_well() -> None:
    """Torch's libraries are not opened then, and CTranslate2's extension neither."""
    facts = recorded("healthy")
    runs = tuple(run for run in facts.runs if run.probe in ("cudnn", "names"))
    page = parsed(doctor_html(replace(facts, quick=True, runs=runs)))
    launch = page.xpath("//svg[@class='loads']")[0]
    boxes = launch.xpath(".//g[@class='box unseen-state']")
    assert [[words(text) for text in box.xpath(".//text")] for box in boxes] == [
        ["torchaudio", "2.5.1+cu124", "not looked at"],
        ["torchvision", "0.20.1+cu124", "not looked at"],
        ["torch", "2.5.1+cu124", "not looked at"],
        ["ctranslate2", "4.6.2", "not looked at"],
    ]
    rows = table(page, "Three ways to start programs, side by side")
    told = [cell.partition(":")[0] for cell in rows[1][1:]]
    assert told == ["not found", "not all opened", "not all opened"]


def test_names_that_are_no_text_can_be_written() -> None:
    facts = replace(recorded("healthy"), venv="/e/caf\udce9\x00\x1b[31m")
    html = doctor_html(facts)
    assert words(parsed(html.encode()).xpath("//dl[@class='facts']//dd")[0]) == (
        "/e/caf\\udce9\ufffd\ufffd[31m"
    )

"""What `mlenv doctor` takes and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.hub import serving
from tests.support.running import Run
from tests.support.venvs import empty_venv


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return empty_venv(tmp_path / "venv")


def test_no_environment_cannot_be_diagnosed(mlenv: Run, home: Path) -> None:
    ended = mlenv("doctor")
    assert ended.returncode == 3
    assert f"{home}/.venvs/ml does not exist." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_directory_that_is_no_environment(mlenv: Run, tmp_path: Path) -> None:
    ended = mlenv("doctor", "--venv", tmp_path, "--json")
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["exit_code"]) == (3, 3)
    assert document["errors"] == [
        {
            "code": "no-environment",
            "message": f"{tmp_path} is not a virtual environment.\nRun `mlenv install` to build "
            "one, or name another with --venv DIR or --python EXE.",
        }
    ]


def test_an_interpreter_that_is_none(mlenv: Run) -> None:
    ended = mlenv("doctor", "--python", "/bin/true")
    assert ended.returncode == 3
    assert "/bin/true is no Python that works" in ended.stderr


def test_an_empty_environment_has_nothing_wrong_with_its_cudnn(mlenv: Run, venv: Path) -> None:
    ended = mlenv("doctor", "--venv", venv, "--json", "cudnn9-sublib-not-on-loader-path")
    findings = json.loads(ended.stdout)["data"]["findings"]
    assert ended.returncode == 0
    assert [(f["id"], f["outcome"]) for f in findings] == [
        ("cudnn9-sublib-not-on-loader-path", "skip")
    ]


def test_a_check_that_does_not_exist_is_wrong_usage(mlenv: Run, venv: Path) -> None:
    ended = mlenv("doctor", "--venv", venv, "cudnn9-sublib-not-on-loaderpath")
    assert ended.returncode == 2
    assert "There is no check cudnn9-sublib-not-on-loaderpath." in ended.stderr
    assert "Did you mean cudnn9-sublib-not-on-loader-path?" in ended.stderr


def test_all_checks_can_be_listed(mlenv: Run) -> None:
    ended = mlenv("doctor", "--list", "--json")
    checks = json.loads(ended.stdout)["data"]["checks"]
    ids = [check["id"] for check in checks]
    assert len(ids) == len(set(ids))
    assert "cudnn9-sublib-not-on-loader-path" in ids
    assert {check["id"] for check in checks if not check["quick"]} >= {"hf-download-ssl"}
    assert "cudnn9-sublib-not-on-loader-path" in mlenv("doctor", "--list").stdout


def test_only_and_skip(mlenv: Run, venv: Path) -> None:
    only = ("--only", "glibc-too-old,ctranslate2-execstack", "--skip", "glibc-too-old")
    ended = mlenv("doctor", "--venv", venv, "--json", *only)
    assert [f["id"] for f in json.loads(ended.stdout)["data"]["findings"]] == [
        "ctranslate2-execstack"
    ]


def test_a_quick_look_leaves_out_what_is_slow(mlenv: Run, venv: Path) -> None:
    document = json.loads(mlenv("doctor", "--quick", "--json", "--venv", venv).stdout)
    ids = [finding["id"] for finding in document["data"]["findings"]]
    assert "hf-download-offline" not in ids
    assert "driver-too-old" in ids
    assert document["data"]["facts"]["quick"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--yes",), "--dry-run and --yes go with --fix."),
        (("--from", "x.json", "--fix"), "--from judges a file"),
        (("--only", "nothing"), "There is no check nothing. See `mlenv doctor --list`."),
    ],
)
def test_options_that_do_not_go_together(mlenv: Run, arguments: tuple[str, ...], said: str) -> None:
    ended = mlenv("doctor", *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_snapshot_is_judged_elsewhere_as_it_was_here(
    mlenv: Run, tmp_path: Path, home: Path
) -> None:
    venv = empty_venv(home / "ml")
    secret = "hf_" + "s" * 30
    told = {
        "HF_TOKEN": secret,
        "HTTPS_PROXY": "http://anna:geheim@proxy.example:3128",
        "PIP_EXTRA_INDEX_URL": "https://__token__:pw-x1@index.example/simple?key=pw-x2",
        "NVIDIA_API_KEY": "nvapi-x3",
        "HF_HUB_OFFLINE": "1",
    }
    file = tmp_path / "facts.json"
    here = mlenv("doctor", "--venv", venv, "--snapshot", file, "--json", env=told)
    assert f"{home}" not in file.read_text()
    for hidden in (secret, "geheim", "anna", "pw-x1", "pw-x2", "nvapi-x3"):
        assert hidden not in file.read_text() + here.stdout
    for there in (
        mlenv("doctor", "--from", file, "--json"),
        mlenv("doctor", "--from", "-", "--json", stdin=file.open()),
    ):
        judged = json.loads(there.stdout)["data"]["findings"]
        before = json.loads(here.stdout)["data"]["findings"]
        assert [(f["id"], f["outcome"]) for f in judged] == [
            (f["id"], f["outcome"]) for f in before
        ]
        assert there.returncode == here.returncode


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 1, "facts": {"venv": 3}}', "\0"])
def test_a_file_that_is_no_snapshot(mlenv: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    ended = mlenv("doctor", "--from", tmp_path / "facts.json")
    assert ended.returncode == 3
    assert "is no snapshot that this mlenv can read" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_snapshot_that_is_not_there(mlenv: Run) -> None:
    ended = mlenv("doctor", "--from", "nowhere.json")
    assert ended.returncode == 3
    assert "nowhere.json could not be read: No such file or directory." in ended.stderr


def test_a_venv_whose_python_is_gone(mlenv: Run, venv: Path) -> None:
    for link in ("python", "python3"):
        (venv / "bin" / link).unlink()
        (venv / "bin" / link).symlink_to("/nowhere/python3")
    ended = mlenv("doctor", "--venv", venv, "--json")
    findings = json.loads(ended.stdout)["data"]["findings"]
    assert ended.returncode == 1
    assert [f["id"] for f in findings if f["outcome"] == "fail"] == ["interpreter-does-not-start"]
    assert not [f for f in findings if f["outcome"] == "crash"]
    ended = mlenv("doctor", "--venv", venv, "interpreter-does-not-start")
    assert ended.stdout.endswith(
        f"\nNext: mlenv install --venv {venv}, then mlenv doctor --venv {venv} again.\n"
    )


def test_a_partial_model_is_found_and_cleared(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    model = tmp_path / "hub" / "models--Systran--faster-whisper-tiny.en"
    blob, snapshot = model / "blobs" / "1a5af.incomplete", model / "snapshots" / "0d3d1"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"half of it")
    snapshot.mkdir(parents=True)
    (snapshot / "model.bin").symlink_to("../../blobs/1a5af")
    (snapshot / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    (snapshot / "config.json").write_text("{}")
    told = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}

    def look(*arguments: str) -> dict[str, object]:
        ended = mlenv("doctor", "--venv", venv, "--json", *arguments, env=told)
        found = json.loads(ended.stdout)
        return {
            "outcome": {f["id"]: f["outcome"] for f in found["data"]["findings"]}[
                "model-file-incomplete"
            ],
            **found["data"],
        }

    assert look()["outcome"] == "fail"
    planned = look("--fix", "--dry-run")
    assert planned["outcome"] == "fail"
    assert planned["fix"].pop("before") == [f for f in planned["findings"] if f["outcome"] in BAD]
    assert planned["fix"] == {
        "plan": [
            {
                "what": "Remove 3 unusable files of models (they are downloaded again)",
                "ids": ["model-file-incomplete"],
                "command": [],
            }
        ],
        "done": [],
    }
    assert look("--fix")["outcome"] == "fail"  # nobody there to say yes
    assert blob.exists()
    mended = look("--fix", "--yes")
    assert mended["outcome"] == "ok"
    assert "model-file-incomplete" in [finding["id"] for finding in mended["fix"]["before"]]
    assert not snapshot.exists()  # its links alone are no model
    assert not blob.exists()


def test_a_file_of_the_users_that_hides_a_package(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("")
    ended = mlenv("doctor", "--venv", venv, "--json", "local-file-shadows-module", cwd=tmp_path)
    finding = json.loads(ended.stdout)["data"]["findings"][0]
    assert finding["outcome"] == "warn"
    assert finding["evidence"] == [f"{tmp_path}/torch.py hides the package"]


def test_every_check_has_an_entry_that_people_can_read() -> None:
    from mlenv.doctor import knowledge
    from mlenv.doctor.checks import CHECKS

    for check in CHECKS:
        for id in check.ids:
            entry = knowledge.entries()[id]
            assert entry.title and entry.cause and entry.remedy.prose, id


def test_an_activation_whose_generation_is_gone(mlenv: Run, tmp_path: Path) -> None:
    (tmp_path / "ml").symlink_to(".ml.mlenv/generations/001-cu124-6f1b0c2a")
    ended = mlenv("doctor", "--venv", tmp_path / "ml")
    assert ended.returncode == 3
    assert "leads to .ml.mlenv/generations/001-cu124-6f1b0c2a, which is gone." in ended.stderr


@pytest.mark.parametrize("only", [(), ("main-job-fails",), ("--quick",)])
def test_an_environment_without_speech_packages_is_not_called_well(
    mlenv: Run, venv: Path, only: tuple[str, ...]
) -> None:
    told = {"HF_HUB_OFFLINE": "1"}
    ended = mlenv("doctor", "--venv", venv, "--json", *only, env=told)
    data = json.loads(ended.stdout)["data"]
    failed = [f["id"] for f in data["findings"] if f["outcome"] == "fail"]
    assert (ended.returncode, data["tried"]) == (1, [])
    assert failed == ([] if only[:1] == ("main-job-fails",) else ["nothing-was-tried"])
    assert data["verdict"].startswith("Not known to work")
    assert "words not tried (faster-whisper not installed)" in data["verdict"]


def test_few_open_files_do_not_end_the_doctor(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    words = ("doctor", "--venv", venv, "--json", "interpreter-does-not-start")
    limited = ("sh", "-c", 'ulimit -n 12 && exec "$@"', "sh")
    ended = mlenv(*words, prefix=limited, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    limited = ("sh", "-c", 'ulimit -n 7 && exec "$@"', "sh")
    ended = mlenv(*words, "--only", "process-limits-too-low", prefix=limited, cwd=tmp_path)
    findings = json.loads(ended.stdout)["data"]["findings"]
    failed = [(f["id"], f["evidence"][0]) for f in findings if f["outcome"] == "fail"]
    line = "a process here may have 7 open files (ulimit -n)"
    assert (ended.returncode, failed) == (1, [("process-limits-too-low", line)])


BAD = ("fail", "crash", "warn")
SURROUNDINGS = {
    "Python stays after the end": {"PYTHONINSPECT": "1"},
    "a broken library on the loader's path": {"LD_LIBRARY_PATH": "broken"},
    "no home": {"HOME": ""},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_doctor_itself_survives(mlenv: Run, venv: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "libz.so.1").touch()
    told = {"HF_HUB_OFFLINE": "1", **SURROUNDINGS[name]}
    ended = mlenv("doctor", "--venv", venv, "--json", env=told, cwd=tmp_path)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    document = json.loads(ended.stdout)
    assert document["data"]["verdict"].startswith("Not known to work, 1 warning: ")


def test_a_working_directory_that_is_gone(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    ended = mlenv(
        "doctor", "--venv", venv, "--json", prefix=("sh", "-c", script, "sh"), cwd=tmp_path
    )
    assert ended.returncode == 1, ended.stderr
    findings = json.loads(ended.stdout)["data"]["findings"]
    (unseen,) = [finding for finding in findings if finding["id"] == "not-looked-at"]
    assert unseen["outcome"] == "unknown"
    assert unseen["evidence"] == [
        "the working directory: [Errno 2] No such file or directory",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"half", "cut short"),
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "an HTML page, not the model's file"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not the model's file",
        ),
        (None, "not there"),
    ],
)
def test_a_model_of_known_size_that_is_not_whole(
    mlenv: Run, venv: Path, tmp_path: Path, content: bytes | None, said: str
) -> None:
    """In mlenv's own store; the other files of the model are missing too."""
    model = tmp_path / "cache" / "models" / "tiny.en"
    model.mkdir(parents=True)
    if content is not None:
        (model / "model.bin").write_bytes(content)
    told = {"MLENV_CACHE_DIR": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    ended = mlenv("doctor", "--venv", venv, "--json", "model-file-incomplete", env=told)
    (finding,) = json.loads(ended.stdout)["data"]["findings"]
    assert finding["outcome"] == "fail"
    assert f"tiny.en: {model}/model.bin is {said}" in finding["evidence"]
    assert f"tiny.en: {model}/config.json is not there" in finding["evidence"]


def test_what_a_download_brings_again_is_no_failure(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    """A file that is missing, while the hub answers; and what other programs are fetching."""
    hub = tmp_path / "hub"
    (hub / "models--Systran--faster-whisper-tiny.en" / "snapshots" / "0d3d").mkdir(parents=True)
    link = hub / "models--Systran--faster-whisper-tiny.en" / "snapshots" / "0d3d" / "model.bin"
    link.symlink_to("../../blobs/1a5af")
    (hub / "models--other--llm" / "blobs").mkdir(parents=True)
    (hub / "models--other--llm" / "blobs" / "0123.incomplete").write_bytes(b"GGUF")
    with serving() as answering:
        told = {"HF_HUB_CACHE": str(hub), "HF_ENDPOINT": answering.url}
        ended = mlenv("doctor", "--venv", venv, "--json", "model-file-incomplete", env=told)
    (finding,) = json.loads(ended.stdout)["data"]["findings"]
    line = f"Systran/faster-whisper-tiny.en: {link} is a link to a file that is gone"
    assert (finding["outcome"], finding["evidence"]) == ("warn", [line])


def test_a_repair_keeps_the_whole_files_of_a_model(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    model = tmp_path / "cache" / "models" / "tiny.en"
    model.mkdir(parents=True)
    (model / "model.bin").write_bytes(b"half")
    (model / "vocabulary.txt").write_bytes(b"words")
    told = {"MLENV_CACHE_DIR": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    words = ("doctor", "--venv", venv, "--json", "--fix", "--yes", "model-file-incomplete")
    ended = mlenv(*words, env=told)
    (finding,) = json.loads(ended.stdout)["data"]["findings"]
    assert finding["outcome"] == "ok"
    assert not model.exists()
    assert not (model.parent / ".tiny.en.partial" / "model.bin").exists()


def test_the_page_is_written_beside_the_report(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    words = ("doctor", "--venv", venv, "--quick", "--html", tmp_path / "page.html")
    ended = mlenv(*words)
    assert f"The same as a page: {tmp_path}/page.html\n" in ended.stdout
    page = (tmp_path / "page.html").read_text()
    assert "<h1>Not known to work, 1 warning</h1>" in page or "<h1>Not known to work</h1>" in page
    ended = mlenv(*words, "--json")
    assert json.loads(ended.stdout)["data"]["html"] == f"{tmp_path}/page.html"
    assert (tmp_path / "page.html").read_text() != ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "page.html", "venv"]


def test_a_page_that_cannot_be_written_is_told_before_the_work(
    mlenv: Run, venv: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for file, said in (
        (tmp_path / "nowhere/page.html", "can't be written: No such file or directory."),
        (tmp_path / "folder", "is a directory."),
        (Path("/dev/null"), "is no regular file."),
        (Path("/proc/page.html"), "can't be written: "),
    ):
        for option in ("--html", "--snapshot"):
            ended = mlenv("doctor", "--venv", venv, option, file)
            assert (ended.returncode, ended.stdout) == (1, "")
            assert ended.stderr.startswith(f"error: {file} {said}")
    for option, name in (("--html", "report.html"), ("--snapshot", "facts.json")):
        ended = mlenv("doctor", "--venv", venv, option, "-")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"{option} writes a file: name it, such as {option} {name}." in ended.stderr
    ended = mlenv("doctor", "--list", "--html", tmp_path / "page.html")
    assert ended.returncode == 2

"""Recordings and transcripts in real stores, with a real cluster, model and libraries."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uv

from tests.support import stores
from tests.support.places import UTTERANCES
from tests.support.ray_cluster import Cluster, cluster

PACKAGES = ("s3fs==2025.12.0", "paramiko==5.1.0")
SECRET = "open-sesame-1234"
Run = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def store_venv(ray_venv: Path) -> Path:
    pip: list[str | Path] = [uv.find_uv_bin(), "pip", "install", "-q", "--python"]
    subprocess.run([*pip, ray_venv / "bin" / "python", *PACKAGES], check=True)
    return ray_venv


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number, path in enumerate(sorted(UTTERANCES.glob("*.flac"))[:2]):
        target = folder / f"day {number}" / "talk.flac"
        target.parent.mkdir()
        target.write_bytes(path.read_bytes())
    (folder / "day 1" / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    return folder


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Real stores, as variables name them to the packages; the port of sftp in `$SFTP`."""
    folder = tmp_path_factory.mktemp("servers")
    with stores.s3_server(folder / "s3.log") as s3, stores.sftp_server(folder) as (port, key):
        yield {
            "AWS_ENDPOINT_URL": s3,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
            "FSSPEC_SFTP": json.dumps({"key_filename": str(key), "port": port}),
        }


@pytest.fixture(scope="module")
def nodes(store_venv: Path, model_cache: Path, variables: dict[str, str]) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with cluster(store_venv, model_cache, 1) as running:
            yield running


@pytest.fixture
def run(
    store_venv: Path, model_cache: Path, nodes: Cluster, variables: dict[str, str], tmp_path: Path
) -> Run:
    """Run `exec transcribe` on the cluster: the exit code and standard error."""

    def call(*words: str | Path, ray: bool = True, **others: str) -> tuple[int, str]:
        start = [sys.executable, "-m", "mlenv", "exec", "--venv", store_venv, "transcribe"]
        engine = [f"--address={nodes.address}", "--engine=ray", "--resume"] if ray else []
        environ = {**os.environ, "MLENV_CACHE_DIR": str(model_cache), **variables, **others}
        options = ["--model=tiny.en", "--device=cpu", "--recursive", "--format=txt,json"]
        done = subprocess.run(
            [*start, *engine, *options, *words],
            env={name: value for name, value in environ.items() if value},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr

    return call


def in_store(venv: Path, variables: dict[str, str], script: str) -> str:
    """What a script prints that has s3fs's file system as `s3`."""
    start = "import s3fs; s3 = s3fs.S3FileSystem(); "
    words: list[str | Path] = [venv / "bin" / "python", "-c", start + script]
    environ = {**os.environ, **variables}
    return subprocess.run(words, env=environ, check=True, capture_output=True, text=True).stdout


def transcripts(folder: Path) -> dict[str, Any]:
    """Outputs and records below a folder; of JSON what is the same in each place and run."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*.*"):
        if path.is_file() and ".mlenv" not in path.parts:
            text = path.read_text("utf-8")
            found[str(path.relative_to(folder))] = (
                {**json.loads(text), "timings": None, "path": None}
                if path.suffix == ".json"
                else text
            )
    return found


def test_an_archive_in_s3(
    run: Run, store_venv: Path, variables: dict[str, str], recordings: Path, tmp_path: Path
) -> None:
    upload = f's3.mkdir("archive"); s3.put("{recordings}/", "archive/in/", recursive=True)'
    in_store(store_venv, variables, upload)
    assert run("-o", tmp_path / "local", recordings, ray=False)[0] == 1
    code, printed = run("-o", "s3://archive/out", "s3://archive/in")
    assert code == 1
    assert "error: s3://archive/in/day 1/bad.wav can't be decoded" in printed
    assert printed.count("error: ") == 1
    assert "s3://archive/in/day 0/talk.flac: s3://archive/out/day 0/talk.txt, s3://" in printed
    download = f's3.get("archive/out/", "{tmp_path}/remote/", recursive=True)'
    in_store(store_venv, variables, download)
    assert transcripts(tmp_path / "remote") == transcripts(tmp_path / "local")
    assert len(transcripts(tmp_path / "remote")) == 4
    record = json.loads((tmp_path / "remote" / "day 0" / ".mlenv" / "talk.json").read_text())
    origin = record["outputs"]["txt"]
    assert origin["recording"] == "s3://archive/in/day 0/talk.flac"
    assert origin["mark"].startswith("etag=")
    assert len(origin["sha256"]) == 64
    code, printed = run("-o", "s3://archive/out", "s3://archive/in")
    assert code == 1
    assert "skipped 2 of 3" in printed
    change = 's3.copy("archive/in/day 1/talk.flac", "archive/in/day 0/talk.flac")'
    in_store(store_venv, variables, change)
    code, printed = run("-o", "s3://archive/out", "s3://archive/in/*/talk.flac")
    assert code == 0
    assert "day 0/talk.flac is done again: talk.txt was made from something else" in printed
    assert "skipped 1 of 2" in printed
    code, printed = run(
        *("-o", "s3://archive/out"),
        *(f"s3://archive/in/day {day}/talk.flac" for day in (0, 1)),
        "s3://archive/in/none.flac",
    )
    assert code == 1
    assert "error: s3://archive/in/none.flac does not exist." in printed
    assert "transcribing" not in printed


def test_a_server_with_a_password_and_one_with_a_key(
    run: Run, nodes: Cluster, recordings: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    assert run("-o", "local", recordings / "day 0", ray=False)[0] == 0
    (tmp_path / "out").mkdir()
    with stores.web_server(recordings / "day 0", SECRET) as port:
        host = f"127.0.0.1:{port}"
        code, printed = run("-o", f"sftp://127.0.0.1{tmp_path}/out", f"http://me:{SECRET}@{host}/")
        assert (code, SECRET in printed) == (0, False)
        assert f"http://{host}/talk.flac: sftp://127.0.0.1{tmp_path}/out/talk.txt" in printed
        code, printed = run(
            *("-o", f"sftp://127.0.0.1{tmp_path}/out"),
            f"http://me:{SECRET}@{host}/talk.flac?X-Amz-Signature={SECRET}",
        )
        assert (code, "skipped 1 of 1" in printed) == (0, True)
        code, printed = run("-o", "denied", f"http://{host}/talk.flac")
        assert (code, "the server answers 401" in printed) == (1, True)
    assert transcripts(tmp_path / "out") == transcripts(tmp_path / "local")
    for folder in (tmp_path / "out", nodes.folder):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert SECRET.encode() not in path.read_bytes(), path
    assert [path.name for path in tmp_path.glob("out/.mlenv-new-*")] == []


@pytest.mark.parametrize(
    ("words", "others", "expected"),
    [
        (["-o", "out", "gs://bucket/talk.wav"], {},
         ["error: gs://bucket/talk.wav can't be used: the package gcsfs is missing.",
          "`mlenv add gcsfs` puts it into the environment, of each node too."]),
        (["-o", "out", "s3://archive/talk.wav"],
         {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nowhere"},
         ["error: s3://archive/talk.wav can't be used: Unable to locate credentials.",
          "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
          "where mlenv and each node of Ray are started."]),
        (["-o", "http://127.0.0.1:1/out", "s3://archive/in/"], {},
         ["error: Nothing can be written to http://127.0.0.1:1/out: "
          "no file can be put in the place of another there.",
          "Name another with --output-dir."]),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said_before_anything_is(
    run: Run, words: list[str], others: dict[str, str], expected: list[str]
) -> None:
    code, printed = run(*words, **others)
    assert (code, printed.splitlines()) == (1, expected)


def test_a_node_without_credentials_is_left_out(
    store_venv: Path, model_cache: Path, variables: dict[str, str], run: Run, recordings: Path
) -> None:
    put = f's3.mkdir("other"); s3.put_file("{recordings}/day 0/talk.flac", "other/a.flac")'
    in_store(store_venv, variables, put)
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ENDPOINT_URL", variables["AWS_ENDPOINT_URL"])
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        bare = stack.enter_context(cluster(store_venv, model_cache, 1))
        code, printed = run("-o", "out", "s3://other/a.flac", f"--address={bare.address}")
    assert code == 1
    assert "can't read s3:// addresses: Unable to locate credentials" in printed
    assert "error: No node of the cluster can work." in printed

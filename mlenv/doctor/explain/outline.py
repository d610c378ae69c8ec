"""Outline a log without a known error: its program, the step, the line that looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from mlenv.doctor.explain.scan import SHOWN, Scan
from mlenv.result import redacted

NEAR = 3000  # characters before the error that tell which step it was


class Outline(Struct, frozen=True, kw_only=True):
    """`program`: what wrote the log; `step`: what it was doing; empty where the log doesn't say.

    `error`: the line that looks like the error, at `line` (0: no line does).
    """

    program: str
    step: str
    error: str
    line: int


_EXCEPTION = re.compile(
    r"^[ \t>|E]{0,12}(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Timeout|Fault)\b(?:: .*)?$", re.M
)
_TROUBLE = re.compile(
    r"^.*(?:\b(?:error|fatal|failed|failure|cannot|can't|could not|couldn't|unable to|panicked|"
    r"denied|refused|aborted|segfault|segmentation fault|core dumped|traceback|"
    r"unsupported|unexpected|invalid|missing)\b|"
    r"错误|失败|エラー|오류|ошибка|fehler|erreur).*$",
    re.M | re.I,
)
_NO_TROUBLE = re.compile(
    r"\b(?:0|no) (?:errors?|failures?|failed)\b|error rate|warning|errors?[:=] ?0\b", re.I
)

_PROMPT = re.compile(
    r"^(?:\([\w.-]+\) ?)?(?:[\w.-]+@[\w.-]+[^$#%\n]{0,80}[$#%]|PS [^>\n]{1,120}>|[A-Z]:\\[^>\n]*>|"
    r"[\w.~/-]{0,40} ?[$\u276f\u279c]) +(?:sudo +|time +)?([\w./\\-]+)",
    re.M,
)
# Programs by what they print, where no command line and no traceback names one.
_PROGRAMS = (
    ("pip", r"^(?:Collecting |ERROR: (?:Could not|Cannot|No matching|Failed building))"),
    ("uv", r"^ *(?:\u00d7 |uv \d|error: Failed to (?:fetch|download|build)|Resolved \d+ packages)"),
    ("conda", r"^(?:Solving environment|CondaError|PackagesNotFoundError)|libmamba"),
    ("Docker", r"Error response from daemon|^#\d+ \[|^Step \d+/\d+ ?:|docker: "),
    ("Kubernetes", r"\bkubectl\b|CrashLoopBackOff"),
    ("the kernel", r"\bNVRM: |\bkernel: |^\[ *\d+\.\d+\] "),
    ("systemd", r"\bsystemd\[1\]: "),
    ("ffmpeg", r"^ffmpeg version "),
    ("whisper.cpp", r"whisper_init|whisper_model_load|ggml_"),
    ("Node.js", r"\bat .{0,80}\(node:|node:internal|npm ERR!"),
    ("a Rust program", r"^thread '.{0,40}' panicked"),
    (
        "a .NET program",
        r"^ +at [\w.]+\(.{0,200}\) in .{0,200}:line \d+|Unhandled exception\. System\.",
    ),
)
_STEPS = (
    (
        "installing packages",
        r"Collecting |Resolved \d+|No solution found|[Bb]uilding wheels? |setup\.py|\.whl\b|"
        r"build_meta|Downloading .{0,80}\.(?:whl|tar\.gz)",
    ),
    (
        "downloading a model",
        r"hf_hub_download|snapshot_download|Fetching \d+ files|download_model|huggingface_hub[/\\]|"
        r"_download\(",
    ),
    (
        "loading a model",
        r"WhisperModel\(|load_model|from_pretrained|torch\.load|load_state_dict|"
        r"ctranslate2\.models|whisper_model_load|[Ll]oading (?:the )?model",
    ),
    (
        "reading the audio",
        r"load_audio|decode_audio|\bffmpeg\b|av\.open|torchaudio\.load|soundfile|AudioDecoder",
    ),
    ("transcribing", r"\btranscribe\(|generate_segments|encode\(|[Tt]ranscribing|Processing audio"),
    ("aligning words", r"\balign\(|load_align_model|[Aa]ligning"),
    ("telling speakers apart", r"[Dd]iari[sz]|SpeakerDiarization|speaker_verification"),
    ("importing its packages", r"^ +(?:from [\w.]+ )?import \w"),
    ("starting CUDA", r"_cuda_init|_lazy_init|cudaGetDeviceCount|cuInit|nvidia-smi"),
)


def outline(scanned: Scan) -> Outline:
    """The outline of a log."""
    text = scanned.context
    place, error = _error(text)
    return Outline(
        program=_program(text),
        step=_step(text[max(0, place - NEAR) : place + len(error)] if error else text[-NEAR:]),
        error=redacted(error).strip()[:SHOWN],
        line=_line(scanned, place) if error else 0,
    )


def _error(text: str) -> tuple[int, str]:
    """Place and text of the last exception, or else of the last line that tells of trouble."""
    for pattern in (_EXCEPTION, _TROUBLE):
        if lines := list(_lines(pattern, text)):
            return lines[-1].start(), lines[-1][0]
    return 0, ""


def _lines(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return (match for match in pattern.finditer(text) if not _NO_TROUBLE.search(match[0]))


def _line(scanned: Scan, place: int) -> int:
    """The number of the line in the log; its context holds the beginning and the end of it."""
    text = scanned.context
    if text.count("\n") + 1 >= scanned.lines or place < len(text) // 2:
        return text.count("\n", 0, place) + 1
    return scanned.lines - text.rstrip("\n").count("\n", place)


def _program(text: str) -> str:
    if typed := _PROMPT.findall(text):
        return f"`{typed[-1]}`"
    files = re.findall(r'File "([^"\n]+)", line \d+', text)
    own = [
        file for file in files if not re.search(r"(?:site|dist)-packages|[/\\]lib[/\\]|^<", file)
    ]
    called = [
        found[1]
        for file in files
        if (found := re.search(r"(?:site|dist)-packages[/\\](\w+)", file))
    ]
    if files:
        name = re.split(r"[/\\]", own[0])[-1] if own else ""
        package = f"the package {called[-1]}" if called else ""
        python = f"a Python program, {name}" if name else "a Python program"
        return f"{python} (in {package})" if package else python
    return next((name for name, sign in _PROGRAMS if re.search(sign, text, re.M)), "")


def _step(text: str) -> str:
    """The step whose sign stands last."""
    places = {
        step: max((match.start() for match in re.finditer(sign, text, re.M)), default=-1)
        for step, sign in _STEPS
    }
    last = max(places, key=lambda step: places[step])
    return last if places[last] >= 0 else ""

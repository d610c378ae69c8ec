"""Facts of a log about the machine that wrote it: versions, driver, GPU, platform."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from mlenv.doctor.explain import decode
from mlenv.doctor.explain.signs import GPUS, PAIRS, SIGNS, VALUES
from mlenv.doctor.tables import table

Number = tuple[int, ...]
Facts = Mapping[str, str]

_OPERATORS: dict[str, Callable[[Number, Number], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


def read(log: str) -> dict[str, str]:
    """Facts of a log, by name: versions as text, signs as "yes"."""
    lowered = log.lower()
    facts = {name: "yes" for name, forms in SIGNS.items() if _first(forms, lowered, 0)}
    for name, forms in VALUES.items():
        if value := _first(forms, lowered, 1):
            facts[name] = _normal(name, value)
    if "capability" not in facts:
        for form, capability in GPUS:
            if re.search(form, lowered):
                facts["capability"] = capability
                break
    facts.update(_gpu(lowered, facts))
    facts.update(_torchcodec(lowered, facts))
    facts.update(_importer(lowered))
    facts.update(decode.first_bytes(lowered))
    if _compat(lowered, facts):
        facts["compat_in_use"] = "yes"
    if _other_cuda(lowered):
        facts["other_cuda_here"] = "yes"
    if offered := re.search(
        r"requirement torch\w*==([\d.]+)\S* .{0,80}\(from versions: (\d[\d.]*)", lowered
    ):
        requested, oldest = map(number, offered.groups())
        if requested < oldest:
            facts["wanted_older"] = "yes"
    return facts


def _gpu(log: str, facts: Facts) -> Facts:
    """The GPU's relation to the code in a build: newer, older, or covered by it."""
    if "capability" not in facts:
        return {}
    own = number(facts["capability"])
    listed = {(int(n[:-1]), int(n[-1])) for n in re.findall(r"\bsm_(\d{2,3})\b(?=[ ,;.]|$)", log)}
    listed |= {(int(n[:-1]), int(n[-1])) for n in re.findall(r"\bsm_(\d{2,3})\b", log)} - {own}
    if span := re.search(r"is \((\d+)\.(\d)\) - \((\d+)\.(\d)\)", log):
        first, second, third, fourth = map(int, span.groups())
        listed |= {(first, second), (third, fourth)}
    listed -= {own}
    if not listed:
        return {"gpu_newer" if own >= (9, 0) else "gpu_older": "yes"}
    if any(major == own[0] and minor <= own[1] for major, minor in listed):
        return {"gpu_covered": "yes"}
    return {"gpu_newer" if own > max(listed) else "gpu_older": "yes"}


def _torchcodec(log: str, facts: Facts) -> Facts:
    """The companions of torch's release, and what the log says of torchcodec's loading."""
    values = {}
    release = ".".join(facts.get("torch", "").split(".")[:2])
    if release in PAIRS:
        values["torchvision_pair"], values["torchcodec_pair"] = PAIRS[release]
    if "torchcodec_said" not in facts:
        return values
    # Versions 4 to 8 of FFmpeg are known to torchcodec from 0.8 on, which is built for torch 2.9.
    if re.search(r"6, 7,? and 8|ffmpeg version 8", log) and holds("torch < 2.8", facts):
        values["torchcodec_too_new"] = "yes"
    # pyannote.audio warns of it at import and goes on; only what comes after can be an error.
    warned = log.rfind("torchcodec is not installed correctly")
    if warned >= 0:
        after = log[max(warned, log.rfind("[end of libtorchcodec loading traceback]")) :]
        if not re.search(r"traceback \(most recent|audiodecoder' is not defined|error: ", after):
            values["torchcodec_harmless"] = "yes"
    return values


def _importer(log: str) -> Facts:
    """The importer of the missing module: an installed package, or the program itself."""
    place = log.rfind("no module named")
    frames = re.findall(r'file "(?!<frozen)([^"\n]+)", line', log[max(place - 4000, 0) : place])
    if not frames:
        return {}
    installed = re.search(r"(?:site|dist)-packages[/\\]", frames[-1])
    return {"imported_by_package" if installed else "own_import": "yes"}


def _compat(log: str, facts: Facts) -> bool:
    """Tell if nvidia-smi names a newer CUDA than its driver has: a cuda-compat library is used."""
    versions = re.findall(r"\bcuda version {0,10}: {0,4}(\d+\.\d+)", log)
    branch = table("cuda_driver_table")["branch"].get(facts.get("driver", "").split(".")[0])
    return bool(branch) and any(number(each) > number(branch) for each in versions)


def _other_cuda(log: str) -> bool:
    """Tell if the log shows another CUDA major than that of a library which is not found."""
    missing = re.search(r"\b(lib(?:cu|nv)\w+)\.so\.(\d+)[\w.]{0,12}: cannot open", log)
    if missing is None:
        return False
    shown = re.findall(rf"{missing[1]}\.so\.(\d+)|\bcuda-(\d+)", log)
    return any(major != missing[2] for pair in shown for major in pair if major)


def number(value: str) -> Number:
    """`2.5.1+cu124` as (2, 5, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", value.split("+")[0]))


def holds(condition: str, facts: Facts) -> bool:
    """Tell if a condition of the table is known to be true."""
    parts = condition.split()
    if parts[0] == "not":
        return not holds(" ".join(parts[1:]), facts)
    if len(parts) == 1:
        return parts[0] in facts
    name, sign, value = parts
    if name not in facts:
        return False
    required = number(value)
    return _OPERATORS[sign](number(facts[name])[: len(required)], required)


def _first(forms: tuple[str, ...], log: str, group: int) -> str:
    for form in forms:
        if match := re.search(form, log):
            return match.group(group) or "yes"
    return ""


def _normal(name: str, value: str) -> str:
    if name == "driver_cuda" and "." not in value:  # 12040 is 12.4
        return f"{int(value) // 1000}.{int(value) % 1000 // 10}"
    if name == "capability":
        digits = value.replace(",", ".").replace(" ", "")
        return digits if "." in digits else f"{digits[:-1]}.{digits[-1]}"
    if name == "python" and "." not in value:
        return f"3.{value[1:]}"
    if name == "torch_cuda":
        return f"{value[:-1]}.{value[-1]}"
    return value.replace("_", ".")

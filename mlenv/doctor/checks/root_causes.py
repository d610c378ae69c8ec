"""One root cause is one finding: what follows from it is listed under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlenv.doctor.checks.finding import Check, Finding

# (root, what follows from it), the deepest root first. A consequence is only folded into a
# root that is itself bad.
ROOTS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (root, frozenset(consequences.split()))
    for root, consequences in (
        (
            "package-files-damaged",
            "cudnn9-sublib-not-on-loader-path cudnn-mixed-versions cublas-missing nvrtc-missing "
            "nvidia-wheels-not-beside-torch library-crashes-when-loaded "
            "onnxruntime-missing-or-broken torchvision-torch-mismatch "
            "torchaudio-torch-abi-mismatch library-links-broken",
        ),
        (
            "nvidia-wheels-mixed-cuda-majors",
            "cudnn9-sublib-not-on-loader-path nvidia-wheels-not-beside-torch "
            "cudnn-mixed-versions library-crashes-when-loaded",
        ),
        (
            "ld-library-path-shadows-wheel",
            "cudnn-mixed-versions cudnn9-sublib-not-on-loader-path library-crashes-when-loaded "
            "nvidia-wheels-not-beside-torch",
        ),
        (
            "dependency-replaced-torch",
            "torchvision-torch-mismatch torchaudio-torch-abi-mismatch requirement-unmet "
            "torch-companion-cuda-mismatch torch-companion-flavour-mismatch",
        ),
        (
            "torch-companion-flavour-mismatch",
            "torchvision-torch-mismatch torchaudio-torch-abi-mismatch",
        ),
        (
            "torch-companion-cuda-mismatch",
            "torchvision-torch-mismatch torchaudio-torch-abi-mismatch",
        ),
        (
            "cudnn9-sublib-not-on-loader-path",
            "cublas-missing nvrtc-missing library-links-broken",
        ),
        ("cudnn8-required-but-absent", "cublas-missing"),
        ("requirement-unmet", "nvidia-wheels-not-beside-torch onnxruntime-missing-or-broken"),
        ("container-without-gpu", "driver-too-old cuda-unknown-error-uvm"),
        ("nvml-driver-library-mismatch", "driver-libcuda-mismatch cuda-unknown-error-uvm"),
        ("gpu-newer-than-wheel", "gpu-computation-fails"),
        ("gpu-older-than-wheel", "gpu-computation-fails"),
        ("driver-too-old", "cudnn-not-initialized gpu-computation-fails"),
        ("cuda-unknown-error-uvm", "cudnn-not-initialized gpu-computation-fails"),
        ("driver-libcuda-mismatch", "gpu-computation-fails"),
        ("cuda-forward-compat-unsupported", "gpu-computation-fails"),
        ("cuda-oom", "gpu-computation-fails cudnn-not-initialized"),
        ("gpu-busy-or-unavailable", "gpu-computation-fails cudnn-not-initialized"),
        ("cudnn-not-initialized", "gpu-computation-fails"),
        ("environment-drifted-from-lock", "requirement-unmet"),
    )
)
# What only fails where programs are not started as they should be has a cause of its own.
_OF_FAILURES_ONLY = frozenset(
    (
        *("package-files-damaged", "requirement-unmet", "nvidia-wheels-mixed-cuda-majors"),
        *("dependency-replaced-torch", "environment-drifted-from-lock"),
    )
)
_ORDER = {"fail": 2, "warn": 1}

Judged = Sequence[tuple[Check, Finding]]


def folded(judged: Judged) -> tuple[tuple[Check, Finding], ...]:
    """The same with every consequence listed under its root, which takes the worse outcome."""
    found = {finding.id: finding for _, finding in judged}
    for root, consequences in ROOTS:
        if root not in found or not found[root].bad:
            continue
        for id in consequences & found.keys():
            under, above = found[id], found[root]
            if not under.bad or (under.outcome == "warn" and root in _OF_FAILURES_ONLY):
                continue
            worse = max(above.outcome, under.outcome, key=lambda outcome: _ORDER[outcome])
            line = f"follows: {id}: {under.evidence[0]}" if under.evidence else f"follows: {id}"
            found[root] = replace(
                above,
                outcome=worse,
                evidence=(*above.evidence, line),
                commands=tuple(dict.fromkeys((*above.commands, *under.commands))),
            )
            told = (f"follows from {root}", *under.evidence)
            found[id] = Finding(id, "skip", told, root=root)
    return tuple((check, found[finding.id]) for check, finding in judged)

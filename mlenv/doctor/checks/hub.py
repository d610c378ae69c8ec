"""The model hub, caches, disks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, unknown, warn
from mlenv.doctor.facts import Facts

GATED = "hf-gated-model-not-accepted"
TOKEN = "hf-token-missing-or-wrong"
TLS = "hf-download-ssl"
OFFLINE = "hf-download-offline"
INCOMPLETE = "model-file-incomplete"
DISK = "disk-full-or-tmp-too-small"
PERMISSION = "cache-permission-denied"

GIB = 1024**3
_TRUE = ("1", "true", "True", "ON", "YES")
_SPEECH = re.compile(
    r"whisper|pyannote|speech|voice|vad\b|silero|wespeaker|wav2vec|diari[sz]|segmentation|parakeet"
    r"|canary|nemo|campplus|\basr\b"
)
# Gigabytes below which an installation or a download breaks off; temporary files hold one wheel.
# Processes of torch hand tensors over in shared memory; a container has 1/16 unless told otherwise.
_LEAST = {"environment": 0.5, "model cache": 1.0, "temporary files": 0.5, "shared memory": 1 / 64}


def judge_token(facts: Facts) -> Iterator[Finding]:
    token, network = facts.files.token, facts.network
    if not token:
        yield skip(TOKEN, "no token is set; only gated models need one")
    elif network.account == 401:
        yield warn(TOKEN, f"the hub does not know the token in {token} (401)")
    elif network.account == 200:
        yield ok(TOKEN, f"the hub knows the token in {token}")
    else:
        yield unknown(
            TOKEN, f"there is a token in {token}; the hub was not asked or did not answer"
        )


def judge_gated(facts: Facts) -> Iterator[Finding]:
    if not facts.files.token or facts.network.account != 200:
        yield skip(GATED, "needs a token that the hub knows")
        return
    refused = [access.model for access in facts.network.gated if access.status == 403]
    allowed = [access.model for access in facts.network.gated if access.status == 200]
    if refused and facts.packages.version("pyannote-audio"):
        yield warn(GATED, *(f"{model}: not accepted by this account (403)" for model in refused))
    elif allowed:
        yield ok(GATED, f"this account may read {', '.join(allowed)}")
    else:
        yield skip(GATED, "no gated model is used here")


def judge_network(facts: Facts) -> Iterator[Finding]:
    network = facts.network
    if not network.asked:
        for check_id in (TLS, OFFLINE):
            yield skip(check_id, "the hub was not asked")
        return
    if network.problem == "tls":
        evidence = [
            f"{name}={value}"
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
            if (value := facts.machine.variable(name))
        ]
        yield warn(TLS, f"{network.hub}: {network.error}", *evidence)
        yield skip(OFFLINE, f"follows from {TLS}")
        return
    yield ok(TLS, "no TLS problem")
    if network.reachable:
        yield ok(OFFLINE, f"{network.hub} answers")
    else:
        # A machine without the hub is no broken machine: models can come from elsewhere.
        proxies = [
            f"{name}={value}"
            for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
            if (value := facts.machine.variable(name))
        ]
        cached = ", ".join(facts.files.models) or "none"
        yield unknown(
            OFFLINE,
            f"{network.hub}: {network.error}",
            f"models in the hub's cache: {cached}",
            *proxies,
        )


def judge_incomplete(facts: Facts) -> Iterator[Finding]:
    words = {
        "incomplete": "a download that stopped",
        "dangling": "a link to a file that is gone",
        "pointer": "a Git LFS pointer, not the model's file",
        "empty": "an empty file",
        "page": "an HTML page, not the model's file",
        "error": "a JSON or XML text, such as a server's error",
        "zeros": "zeros where the weights begin",
        "invalid": "not of the format that its name says",
        "missing": "not there",
        "unreadable": "not readable for this user",
        "cut": "cut short",
        "changed": "of other bytes than the hub named",
        "other": "of another size than the model's file",
    }
    network = facts.network
    offline = bool(network.problem) or facts.machine.variable("HF_HUB_OFFLINE") in _TRUE
    comes = () if offline else ("missing", "dangling")  # downloaded when the model is asked for
    # What other programs have in the hub's cache, and go on with, is their own.
    partial = [p for p in facts.files.partial if p.what != "incomplete" or _is_speech(p.model)]
    unusable = [p for p in partial if p.what not in ("incomplete", *comes) and _is_speech(p.model)]
    if partial:
        partial.sort(key=lambda p: p not in unusable)
        lines = [f"{p.model}: {p.file} is {words.get(p.what, p.what)}" for p in partial]
        yield Finding(INCOMPLETE, "fail" if unusable else "warn", tuple(lines[:8]))
    else:
        yield ok(INCOMPLETE, f"{len(facts.files.models)} models in the hub's cache, nothing cut")


def _is_speech(model: str) -> bool:
    """Tell if a model is of this field: one of mlenv's list, or by its name."""
    return "/" not in model or bool(_SPEECH.search(model.lower()))


def judge_disk(facts: Facts) -> Iterator[Finding]:
    low = [
        f"{disk.free / GIB:.2f} GiB free for the {disk.use} ({disk.path})"
        for disk in facts.files.disks
        if disk.free is not None and disk.free < _LEAST[disk.use] * GIB
    ]
    full = [d for d in facts.files.disks if d.free is not None and d.free < 1024**2]
    if full:
        yield fail(DISK, *low)
    elif low:
        yield warn(DISK, *low)
    else:
        yield ok(
            DISK,
            *(f"{d.free / GIB:.1f} GiB free for the {d.use}" for d in facts.files.disks if d.free),
        )


def judge_permission(facts: Facts) -> Iterator[Finding]:
    closed = [cache for cache in facts.files.caches if not cache.writable]
    if closed:
        lines = (
            f"{c.path} ({c.use}) can't be written: it belongs to user {c.owner}, "
            f"this is user {facts.files.uid}"
            for c in closed
        )
        # Python goes elsewhere with its temporary files; uv, shells and ffmpeg do not.
        fails = any(c.use == "temporary files" and c.exists for c in closed)
        yield Finding(PERMISSION, "fail" if fails else "warn", tuple(lines))
    else:
        yield ok(PERMISSION, "every cache can be written")


TOPIC = "hub, caches and disks"
CHECKS = (
    Check(TOPIC, (TOKEN,), judge_token),
    Check(TOPIC, (GATED,), judge_gated),
    Check(TOPIC, (TLS, OFFLINE), judge_network, full=True),
    Check(TOPIC, (INCOMPLETE,), judge_incomplete),
    Check(TOPIC, (DISK,), judge_disk),
    Check(TOPIC, (PERMISSION,), judge_permission),
)

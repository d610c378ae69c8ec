"""Worker: download files of a model hub repository with the environment's own client.

Reads one JSON request on standard input, {"repo", "revision", "files": [..], "target"}, and
answers with one JSON line on standard output: {"ok": true, "path"} or {"ok": false, "reason",
"message"}. With "target" null the files go to the hub's own cache; the answer names the folder,
which is called by its revision, and the "licence" where the hub tells one; with "offline" the
cache alone is looked at. {"repo", "access": true} only asks whether the repository may be read.

`huggingface_hub` knows proxies, mirrors (HF_ENDPOINT), tokens (HF_TOKEN or its login) and
resumes what was cut.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def fetch(request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; raises whatever the client raises."""
    from huggingface_hub import auth_check, hf_hub_download, snapshot_download

    if request.get("access"):
        auth_check(request["repo"])
        return {"ok": True}
    if request["target"] is None:
        offline = request.get("offline", False)
        path = snapshot_download(
            request["repo"],
            revision=request["revision"],
            allow_patterns=request["files"],
            local_files_only=offline,
        )
        licence = None if offline else licence_of(request["repo"], Path(path).name)
        return {"ok": True, "path": path, "licence": licence}
    for name in request["files"]:
        hf_hub_download(
            request["repo"], name, revision=request["revision"], local_dir=request["target"]
        )
    return {"ok": True, "path": request["target"]}


def licence_of(repo: str, revision: str) -> str | None:
    """The licence in the model card; None where there is none or it can't be read now."""
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception):
        card = HfApi().model_info(repo, revision=revision, timeout=5).card_data
        return str(card.license) if card.license else None
    return None


def reason(error: BaseException) -> tuple[str, str]:
    """A code for programs and a phrase for people."""
    from huggingface_hub import errors

    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk-full", f"the disk is full: {error.filename or 'no space is left'}"
    if isinstance(error, PermissionError):
        return "not-writable", f"{error.filename} can't be written"
    if isinstance(error, errors.GatedRepoError):
        if "401" in str(error):
            return "no-token", "it is gated and there is no token that may read it"
        return "gated", "its conditions have not been accepted for this account"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "not-found", "the hub has no such repository, or the token may not read it"
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return "unreachable", "the hub can't be reached and its cache has no copy"
    if isinstance(error, errors.RevisionNotFoundError | errors.EntryNotFoundError):
        return "not-found", "the hub has no such revision or file"
    return "unreachable", "the hub can't be reached"


def main() -> None:
    """Answer one request."""
    try:
        answer = fetch(json.loads(sys.stdin.readline()))
    except Exception as error:
        code, phrase = reason(error)
        answer = {"ok": False, "reason": code, "message": phrase}
    print(json.dumps(answer))

"""Worker: fetch files of a model hub repository with the environment's own client.

Reads one JSON request on standard input, {"repo", "revision", "files": [..], "target"}, and
answers with one JSON line on standard output: {"ok": true, "path"} or {"ok": false, "reason",
"message"}. With "target" null the files go to the hub's own cache and the answer names the
folder. {"repo", "access": true} only asks whether the repository may be read.

`huggingface_hub` knows proxies, mirrors (HF_ENDPOINT), tokens (HF_TOKEN or its login) and
resumes what was cut. Runs inside the environment; imports nothing of mlenv.
"""

import json
import os
import sys

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def fetch(request: dict) -> dict:
    from huggingface_hub import auth_check, hf_hub_download, snapshot_download

    if request.get("access"):
        auth_check(request["repo"])
        return {"ok": True}
    if request["target"] is None:
        path = snapshot_download(
            request["repo"],
            revision=request["revision"],
            allow_patterns=request["files"],
            local_files_only=request.get("offline", False),
        )
        return {"ok": True, "path": path}
    for name in request["files"]:
        hf_hub_download(
            request["repo"], name, revision=request["revision"], local_dir=request["target"]
        )
    return {"ok": True, "path": request["target"]}


def reason(error: BaseException) -> tuple[str, str]:
    """A word for programs and a phrase for people."""
    from huggingface_hub import errors

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
    try:
        answer = fetch(json.loads(sys.stdin.readline()))
    except Exception as error:
        word, phrase = reason(error)
        answer = {"ok": False, "reason": word, "message": phrase}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

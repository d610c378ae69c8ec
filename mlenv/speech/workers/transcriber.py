"""Worker: speech to text with faster-whisper.

The first request says how: {"model", "device", "device_index", "compute_type", "threads",
"at_once", "fit_window", "batch_size", "options", "handover"}; every other one names a file:
{"id", "path"}. Events: `trying` (a device is about to be used, which may end the process),
`ready`, then for each file `decoded`, `segment`.., and `done` or `failed`. On a CPU up to
`at_once` files are under way together, so events of several files come mixed.

Runs inside the environment; imports nothing of mlenv and never torch: CTranslate2's converters
would import it, and it takes longer than everything else together.
"""

import sys

sys.modules["torch"] = None

from protocol import Clock, Events, requests  # noqa: E402

emit = Events()
clock = Clock()

from concurrent.futures import ThreadPoolExecutor  # noqa: E402

from load_model import Refused, load  # noqa: E402


def main() -> None:
    incoming = requests()
    seconds = {"import": clock.lap()}
    config = next(incoming, None)
    if config is None:  # the caller has changed its mind
        return
    clock.lap()
    try:
        model, said = load(config, lambda device: emit("trying", device=device))
    except Refused as error:
        emit("refused", code=error.code, message=str(error))
        return
    emit("ready", **said, seconds={**seconds, "load": clock.lap()})
    from transcribe_file import attempt

    with ThreadPoolExecutor(said["at_once"]) as files:
        for job in incoming:
            files.submit(attempt, emit, model, config, said["device"], job)


if __name__ == "__main__":
    main()

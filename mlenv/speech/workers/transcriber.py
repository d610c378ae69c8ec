"""Worker: speech to text with faster-whisper.

Requests: one `TranscriberConfig`, then a `FileRequest` for each file. On a CPU up to `at_once`
files are under way together, so the events of several files come mixed. With a seed each file gets
the model loaded anew: CTranslate2 seeds a thread's random numbers once, at their first use.

Never imports torch: CTranslate2's converters would, and it takes longer than all the rest.
"""

from __future__ import annotations

import sys

sys.modules["torch"] = None  # type: ignore[assignment]

from . import pipe, protocol  # noqa: E402

emit = pipe.Events()  # before any library is imported that may print
clock = protocol.Clock()

from concurrent.futures import ThreadPoolExecutor  # noqa: E402

from .load_model import Refusal, load  # noqa: E402


def main() -> None:
    """Load the model that the first request names, then transcribe file by file."""
    incoming = pipe.requests(protocol.TranscriberConfig, emit)
    seconds = {"import": clock.lap()}
    config: protocol.TranscriberConfig | None = next(incoming, None)
    if config is None:  # mlenv ended before it knew the model
        return
    clock.lap()
    try:
        loaded = load(config, lambda device: emit(protocol.Trying(device)))
    except Refusal as error:
        emit(protocol.Refused(error.code, str(error)))
        return
    emit(loaded.ready({**seconds, "load": clock.lap()}))
    from .transcribe_file import attempt

    with ThreadPoolExecutor(loaded.at_once) as files:
        for number, request in enumerate(incoming):
            if config.seed is not None and number:
                loaded = load(config, lambda _: None)
                files.submit(attempt, emit, loaded, config, request).result()
            else:
                files.submit(attempt, emit, loaded, config, request)

"""Files are worked on together and end in any order; on standard output they come in theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlenv.speech.transcribe.events import Event, Failed, Finished, Note, Progress, Warned
from mlenv.speech.transcribe.inputs import Source


def in_order(events: Iterable[Event], sources: Sequence[Source]) -> Iterator[Event]:
    """Put events in order of `sources`: those of later files wait for their turn.

    Notes, warnings and progress don't wait.
    """
    waiting: dict[Source, list[Event]] = {source: [] for source in sources}
    for event in events:
        if isinstance(event, Note | Progress | Warned):
            yield event
            continue
        waiting[event.source].append(event)
        while waiting:
            first, its_events = next(iter(waiting.items()))
            yield from its_events
            if not its_events or not isinstance(its_events[-1], Finished | Failed):
                its_events.clear()
                break
            del waiting[first]

"""Which part of many recordings one is in, where several processes each do a part of one list.

The name alone decides: a recording that is added to the list or taken out of it while the parts are
under way moves no other from one part to another, so none is left out and none is done twice.
"""

from __future__ import annotations

import hashlib

from mlenv.result import Problem
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.values import Part


def holds(part: Part | None, item: Source | Problem) -> bool:
    """Tell if a recording, or the problem of one, is in this part. None: all are."""
    if part is None:
        return True
    name = item.name() if isinstance(item, Source) else item.path or item.message
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:8]) % part.of == part.number - 1

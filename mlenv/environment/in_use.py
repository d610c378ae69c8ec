"""Who uses a generation: a shared lock on its record, which a program inherits from `exec`.

What was started otherwise is found in /proc (`generations.users`). `exec` waits for this module,
so paths are text here and it imports little.
"""

from __future__ import annotations

import fcntl
import os

RECORD = "mlenv.json"

TYPE_CHECKING = False  # as in `typing`, which would have to be imported
if TYPE_CHECKING:
    AnyPath = str | os.PathLike[str]


def hold(directory: AnyPath) -> bool:
    """Lock the generation's record for as long as this process lives, or what it becomes.

    False where somebody is just removing it. What is no generation, and file systems without
    locks, count as held.
    """
    try:
        descriptor = os.open(f"{os.fspath(directory)}/{RECORD}", os.O_RDONLY)
    except OSError:
        return True
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:
        pass
    return True


def claim(directory: AnyPath) -> int | None:
    """Lock a generation's record for its removal: a descriptor to close; None if it is in use."""
    descriptor = os.open(f"{os.fspath(directory)}/{RECORD}", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        pass  # a file system without locks: /proc is all that is known
    return descriptor

"""Import what speech programs import, so that Python keeps its bytecode.

The first import of pyannote.audio compiles some four thousand modules: three times the work of
any later one. Compiling the whole environment would cost five times as much as that.
"""

import contextlib
import importlib
import sys

sys.dont_write_bytecode = False
for name in ("faster_whisper", "pyannote.audio"):
    with contextlib.suppress(Exception):
        importlib.import_module(name)

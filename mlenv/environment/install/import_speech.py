"""Import what speech programs import, so that Python keeps its bytecode; fails where they would.

The first import of pyannote.audio compiles some four thousand modules: three times the work of
any later one. Compiling the whole environment would cost five times as much as that.
"""

import importlib
import importlib.util
import sys

sys.dont_write_bytecode = False
for name in ("ctranslate2", "faster_whisper", "torch", "torchaudio", "pyannote.audio"):
    if importlib.util.find_spec(name.partition(".")[0]):
        importlib.import_module(name)

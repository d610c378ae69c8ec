"""segments.py AUDIO [MODEL]: one JSON line a segment, as soon as it is there."""

import json
import sys

sys.modules["torch"] = None  # ctranslate2 would import it, in seconds, and needs nothing of it

from faster_whisper import WhisperModel  # noqa: E402

audio, model = sys.argv[1], (sys.argv[2:] or ["tiny.en"])[0]
whisper = WhisperModel(model, device="auto", compute_type="auto")
segments, _ = whisper.transcribe(audio, language="en")
for segment in segments:
    line = {"start": segment.start, "end": segment.end, "text": segment.text}
    print(json.dumps(line), flush=True)

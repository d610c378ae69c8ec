"""The record of one option of `mlenv exec transcribe`, and the kinds that many options share."""

from __future__ import annotations

from dataclasses import dataclass

from mlenv.speech.transcribe.values import Kind, Number, Switch, Text

ABSENT = ""  # `None` of other tools: as if the option were not there

SHARE, FROM_ZERO = Number(0, 1), Number(0)
COUNT, WHOLE = Number(1, whole=True), Number(0, whole=True)
SWITCH, TEXT = Switch(), Text()
FILES, FOLDERS, MODELS = Text(offers="files"), Text(offers="folders"), Text(offers="models")

INPUT = "input"
OUTPUT = "output"
SERVICE = "many recordings, one by one"
MODEL = "model and device"
SPEAKERS = "speakers"
RECOGNITION = "recognition (as in faster-whisper)"


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `text`: its line in the help, with the default in brackets.

    `also`: its names in other tools. `none`: what their value None means; `ABSENT` leaves the
    option out, None gives no meaning to that word. `library`: the argument of faster-whisper that
    it sets, `vad` the parameter of its voice detection. `by_word`: it works on the times of words,
    so it asks for them. `of_speakers`: it needs --diarize. `setting`: its name among the user's
    defaults (`machine.settings`). `repeated`: it may be given more than once.
    """

    name: str
    kind: Kind
    metavar: str
    text: str
    group: str
    default: object = None
    also: tuple[str, ...] = ()
    none: str | None = None
    library: str = ""
    vad: str = ""
    by_word: bool = False
    of_speakers: bool = False
    setting: str = ""
    repeated: bool = False

    @property
    def attribute(self) -> str:
        """Its name in the parsed options."""
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def is_switch(self) -> bool:
        return self.kind is SWITCH


def switch(
    name: str, text: str, group: str, default: bool | None = False, *also: str, **more: object
) -> Option:
    return Option(name, SWITCH, "BOOL", text, group, default, also, **more)  # type: ignore[arg-type]

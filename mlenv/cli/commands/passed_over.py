"""Notes on what a transcription passes over in the folders that it was given."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.speech.transcribe.inputs import Survey, printable

KINDS, NAMES = 8, 10  # suffixes and names that a note lists


def notes(survey: Survey) -> Iterator[tuple[str, bool]]:
    """A line for each kind of thing, and whether it may be a recording."""
    if kinds := survey.passed_over.most_common():
        listed = ", ".join(f"{suffix or 'no suffix'} {count}" for suffix, count in kinds[:KINDS])
        more = ", .." if len(kinds) > KINDS else ""
        count = survey.passed_over.total()
        yield f"passed over {count} files that are no recordings ({listed}{more})", False
    if count := len(survey.below):
        folders = "1 folder" if count == 1 else f"{count} folders"
        yield f"did not look into {folders} below: --recursive does", False
    if unsure := [printable(name) for name in survey.doubtful]:
        more = f" and {len(unsure) - NAMES} more" if len(unsure) > NAMES else ""
        names = ", ".join(unsure[:NAMES]) + more
        text = f"not looked into, though they may be recordings: {names}"
        yield f"{text}; name them to have them done", True

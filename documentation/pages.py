"""The list of generated pages, and which of them are out of date."""

from __future__ import annotations

from documentation import (
    DOCS,
    commands,
    comparison,
    documents,
    errors,
    known_errors,
    places,
    profiles,
    transcription,
    variables,
)

# Directories in which nothing but generated files lies.
WHOLE = ("reference/json", "reference/schemas")


def generated() -> dict[str, str]:
    """The text of every generated file, by its path in `docs/`."""
    return {
        "../README.md": comparison.readme(),
        "reference/commands.md": commands.markdown(),
        "reference/transcribe.md": transcription.markdown(),
        "reference/errors.md": errors.markdown(),
        "reference/profiles.md": profiles.markdown(),
        "reference/files.md": places.markdown(),
        "reference/environment-variables.md": variables.markdown(),
        "reference/known-errors.md": known_errors.markdown(),
        **documents.pages(),
    }


def outdated() -> list[str]:
    """The files in `docs/` that are not what the code says now, too many or too few."""
    pages = generated()
    there = {
        file.relative_to(DOCS).as_posix() for folder in WHOLE for file in (DOCS / folder).glob("*")
    }
    stale = there - pages.keys()
    changed = {
        name
        for name, text in pages.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text("utf-8") != text
    }
    return sorted(stale | changed)

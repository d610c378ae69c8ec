from mlenv.speech.transcribe import compat
from mlenv.speech.transcribe.languages import _CODES, codes_of


def test_a_language_by_any_of_its_codes_or_its_name() -> None:
    assert [codes_of(word) for word in ("de", "ger", "DEU", "German")] == [("de", "ger", "deu")] * 4
    assert codes_of("jv") == ("jw", "jv", "jav")


def test_languages_that_whisper_lacks_stand_for_themselves() -> None:
    assert codes_of("gsw") == ("gsw",)
    assert [codes_of(word) for word in ("", "Klingon", "x1", "ä")] == [()] * 4


def test_every_language_of_whisper_has_its_codes() -> None:
    first = [entry.split()[0] for entry in _CODES.split(";")]
    assert first == list(compat.languages())

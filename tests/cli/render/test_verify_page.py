"""The page of `verify --html`, made of a recorded run: what stands where."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec.structs import replace

from mlenv.cli.render import verify_page
from mlenv.environment.receipts import Library, Receipt, Row
from mlenv.speech.verify import samples
from mlenv.speech.verify.documents import Verified
from mlenv.speech.verify.measure import Row as Measured
from tests.support.reports import RECEIPT, parsed, table, verified, words


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/user")


TIMES = "Time and errors by model and device"


def earlier(inference: float, when: str = "2026-11-28T18:30:00+00:00") -> Receipt:
    row = Row(model="base", device="cpu", load=0.7, inference=inference, error_rate=0.06)
    return replace(RECEIPT, when=when, rows=(row,))


def page(record: Verified, *before: Receipt, receipt: Receipt = RECEIPT) -> Any:
    return parsed(verify_page.page(record, receipt, before))


def without(record: Verified, model: str) -> Verified:
    return replace(record, rows=tuple(row for row in record.rows if row.model != model))


def test_the_verdict_names_what_passed_and_where() -> None:
    main = page(verified()).get_element_by_id("main")
    assert words(main[0]) == "Passed on the CPU"
    assert [words(each) for each in main.xpath("./p")] == [
        "tiny.en on the CPU: word error rate 6.7 %, limit 15.0 %",
        "base on the CPU: word error rate 5.8 %, limit 15.0 %",
        "diarization on the CPU: diarization error rate 3.6 %, limit 10.0 %",
    ]
    assert [words(each) for each in main.xpath("./dl//dd")] == [
        "~/.venvs/ml", "001-cu124-53feeb84", "none", "none",
    ]  # fmt: skip
    silent = replace(without(verified(), "diarization"), not_tried={"speakers": "--no-diarize"})
    assert words(page(silent).get_element_by_id("main")[0]) == "Words passed on the CPU"
    row = replace(verified().rows[0], ok=False, problem="the word error rate is 0.300, above 0.15")
    failed = replace(verified(), rows=(row, *verified().rows[1:]))
    main = page(failed).get_element_by_id("main")
    assert words(main[0]) == "1 of 3 failed"
    assert words(main[1]).endswith("limit 15.0 % the word error rate is 0.300, above 0.15")


def turns(tree: Any, name: str) -> list[tuple[str, str]]:
    (track,) = (each for each in tree.xpath("//div[@class='track']") if words(each[0]) == name)
    return [(words(each), each.get("aria-label")) for each in track.iter("button")]


def test_known_turns_stand_above_those_that_were_found() -> None:
    tree = page(verified())
    names = [words(each[0]) for each in tree.xpath("//div[@class='track']")]
    assert names == ["Sound", "Known", "Found"]
    known, found = turns(tree, "Known"), turns(tree, "Found")
    assert "".join(letter for letter, _ in known) == "AABCCDEFAAD"
    assert "".join(letter for letter, _ in found) == "AAABCCDEFAAD"
    assert known[2] == ("B", "Known: B, from 0:05")
    assert found[3] == ("B", "Found on cpu: B, from 0:05")
    first = tree.xpath("//button[@class='turn voice-0']")[0]
    assert (first.get("style"), first.get("data-at")) == ("left:0.517%;width:7.082%", "0.23")
    (voices,) = tree.xpath("//ul[@class='voices']")
    assert words(voices) == (
        "A reader 1089 B reader 1995 C reader 1188 D reader 1221 E reader 1320 F reader 1284"
    )


def said(tree: Any, place: int) -> list[tuple[str, str]]:
    view = tree.get_element_by_id(f"text-{place}")
    groups = view.xpath(".//div[starts-with(@class, 'passage')]")
    who = [words(each[0]).removeprefix("Play ").replace(" from ", " ") for each in groups]
    return [(name, words(each[1])) for name, each in zip(who, groups, strict=True)]


def test_wrong_words_are_marked_in_the_speakers_turns() -> None:
    tree = page(verified())
    assert said(tree, 1) == [
        ("A 0:00", "Number 10, fresh Nellie in place of nelly is waiting on you. Goodnight, "
                   "in place of good missing: night husband."),
        ("B 0:05", "For a while, she lay in her chair in happy, dreamy pleasure at son "
                   "in place of sun and bird and tree."),
        ("C 0:12", "But in this vignette, copied from Turner, you have the two principles "
                   "brought out perfectly."),
        ("D 0:18", "Pearl saw and gazed intently, but never sought to make acquaintance."),
        ("E 0:22", "Let us retrace our steps and examine as we go with Keener eyes."),
        ("F 0:28", "At the Emerald City, where our princess Osmolev's in place of ozma lives "
                   "green is the popular color."),
        ("A 0:34", "Number 10. Fresh Nelly is waiting on you. Good night, husband."),
        ("D 0:39", "Pearl saw and gazed intently, but never sought to make added: a "
                   "acquaintance."),
    ]  # fmt: skip
    heading = words(tree.get_element_by_id("text-1").xpath("./p[@class='heard']")[0])
    assert heading == "tiny.en on the CPU: 98 words right, 4 substituted, 1 missing, 1 added."
    chosen = [words(each) for each in tree.xpath("//div[@class='switch']/button")]
    assert chosen == ["tiny.en on the CPU", "base on the CPU"]
    (son,) = (each for each in tree.xpath("//span[@class='spoken wrong']") if "son" in words(each))
    assert (son.get("data-at"), son.get("data-end")) == ("9.47", "9.69")


def test_without_diarization_the_speakers_are_those_that_are_known() -> None:
    reason = "this profile has no pyannote.audio"
    record = replace(without(verified(), "diarization"), not_tried={"speakers": reason})
    tree = page(record)
    assert [words(each[0]) for each in tree.xpath("//div[@class='track']")] == ["Sound", "Known"]
    assert f"No speakers were found: {reason}." in words(tree)
    assert [who for who, _ in said(tree, 1)] == [
        "A 0:00", "B 0:05", "C 0:12", "D 0:18", "E 0:22", "F 0:28", "A 0:34", "D 0:39",
    ]  # fmt: skip


def test_one_speaker_more_than_there_are_has_a_letter_of_its_own() -> None:
    *others, row = verified().rows
    extra = {"start": 20.0, "end": 20.5, "speaker": "SPEAKER_09"}
    record = replace(verified(), rows=(*others, replace(row, turns=(*row.turns, extra))))
    assert turns(page(record), "Found")[-1] == ("G", "Found on cpu: G, from 0:20")


def test_times_stand_beside_the_last_ones() -> None:
    record = verified()
    rows = table(page(record, earlier(9.0, "2026-11-27T08:00:00+00:00"), earlier(2.0)), TIMES)
    assert [" | ".join(row) for row in rows] == [
        "Model | Device | Load | Inference | Last time | Against it | Errors | Limit | State",
        "tiny.en | cpu int8 | 0.65 s | 2.38 s |  | no earlier run | 6.7 % | 15.0 % | passed",
        "base | cpu int8 | 0.71 s | 4.12 s | 2.00 s | 2.1 times as long | 5.8 % | 15.0 % | passed",
        "diarization | cpu | 1.82 s | 2.67 s |  | no earlier run | 3.6 % | 10.0 % | passed",
        "every model | cuda | CTranslate2 sees no CUDA device. | not tried",
    ]
    tree = page(record, earlier(9.0, "2026-11-27T08:00:00+00:00"), earlier(9.0))
    assert table(tree, TIMES)[2][5] == "2.2 times as fast"
    assert table(tree, "Earlier runs of base on cpu") == [
        ["When", "Load", "Inference", "Errors"],
        ["2026-11-28 18:30 UTC", "0.70 s", "9.00 s", "6.0 %"],
        ["2026-11-27 08:00 UTC", "0.70 s", "9.00 s", "6.0 %"],
    ]
    assert len(tree.xpath("//svg[@class='chart']")) == 1
    assert table(page(record, earlier(4.0)), TIMES)[2][5] == "as before"


def test_what_has_changed_is_named() -> None:
    assert "Nothing else has changed since 2026-11-28 18:30 UTC." in words(page(verified()))
    record = replace(verified(), changes=["the lock: aa before, bb now"])
    tree = page(record)
    (section,) = tree.xpath("//section[@aria-labelledby='time']")
    assert "Changed since 2026-11-28 18:30 UTC the lock: aa before, bb now" in words(section)


def test_the_sound_is_inside_and_nothing_is_asked_for() -> None:
    html = verify_page.page(verified(), RECEIPT, ())
    tree = parsed(html)
    (audio,) = tree.iter("audio")
    kind, _, content = audio.get("src").partition(",")
    assert kind == "data:audio/mpeg;base64"
    assert base64.b64decode(content) == samples.SMALL.read_bytes()
    links = {value[:12] for each in tree.iter() for name, value in each.attrib.items()
             if name in ("src", "href", "action", "poster", "srcset")}  # fmt: skip
    assert links == {"data:,", "#main", "data:audio/m"}
    assert len(html) < 400_000
    assert "LibriSpeech test-clean (Panayotov et al. 2015, openslr.org/12), CC BY 4.0" in html


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='x"


def test_text_of_the_machine_is_shown_as_text() -> None:
    first = verified().rows[0]
    spoken = replace(first.words[0], found=HOSTILE, known=HOSTILE, kind="substituted")
    row = replace(first, model=HOSTILE, problem=HOSTILE, words=(spoken, *first.words[1:]), ok=False)
    record = replace(
        verified(),
        rows=(row, *verified().rows[1:]),
        not_tried={HOSTILE: HOSTILE},
        changes=[HOSTILE],
    )
    receipt = replace(RECEIPT, venv=HOSTILE, libraries=(Library(path=HOSTILE, bytes=1),))
    tree = page(record, receipt=receipt)
    assert (len(tree.xpath("//script")), len(tree.xpath("//img"))) == (1, 0)
    assert [name for each in tree.iter() for name in each.attrib if name.startswith("on")] == []
    assert words(tree).count(HOSTILE) >= 8
    assert said(tree, 1)[0][1].startswith(f"{HOSTILE} in place of {HOSTILE.lower()} ")


def test_the_waveform_is_that_of_the_sample() -> None:
    peaks = samples.waveform()
    assert (len(peaks), min(peaks) >= 0, max(peaks)) == (720, True, 100)
    truth = samples.truth()
    at = [truth["duration"] * (place + 0.5) / 720 for place in range(720)]
    spans = [span for turn in truth["turns"] for span in turn["speech"]]
    quiet = [
        peak
        for peak, time in zip(peaks, at, strict=True)
        if not any(start - 0.1 < time < end + 0.1 for start, end in spans)
    ]
    assert quiet and max(quiet) < 10


def test_a_model_that_could_not_be_had_is_a_row_without_figures() -> None:
    row = Measured(model="base", device="cpu", problem="base can't be fetched.", ok=False)
    nothing = replace(verified(), rows=(row,), compared_with=None, receipt=None)
    tree = page(nothing)
    main = tree.get_element_by_id("main")
    assert [words(each) for each in main[:2]] == [
        "1 of 1 failed",
        "base on the CPU: base can't be fetched.",
    ]
    assert "No speakers were found: the diarization failed." in words(tree)
    assert "No words were transcribed." in words(tree)
    assert table(tree, TIMES)[1] == ["base", "cpu", "", "", "", "no earlier run", "", "", "failed"]

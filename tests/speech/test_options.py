"""The command line of `transcribe`: names, values, and what is said about wrong ones."""

from __future__ import annotations

import shlex

import pytest

from mlenv.result import MlenvError
from mlenv.transcribe.options import decoding, parse


def refused(*words: str) -> str:
    with pytest.raises(MlenvError) as caught:
        parse(words)
    assert caught.value.exit_code == 2
    return caught.value.message


def test_nothing_asked_for_leaves_faster_whispers_defaults() -> None:
    assert decoding(parse(["a.wav"])) == {"vad_filter": True, "word_timestamps": False}


def test_names_of_other_tools_with_underscores() -> None:
    line = (
        "--model_size_or_path tiny.en --output_format srt --output_dir out --beam_size 2 "
        "--word_timestamps True --vad_filter False --vad_threshold 0.4 --initial_prompt Hello "
        "--logprob_threshold -0.5 --suppress_tokens -1,5 --compute_type int8 a.wav"
    )
    options = parse(shlex.split(line))
    assert (options.model, options.formats, options.output_dir) == ("tiny.en", ("srt",), "out")
    assert options.audio == ["a.wav"]
    assert decoding(options) == {
        "beam_size": 2,
        "word_timestamps": True,
        "vad_filter": False,
        "vad_parameters": {"threshold": 0.4},
        "initial_prompt": "Hello",
        "log_prob_threshold": -0.5,
        "suppress_tokens": [-1, 5],
    }


def test_a_bare_switch_does_not_eat_the_file_after_it() -> None:
    options = parse(["--diarize", "a.wav", "--resume", "b.wav", "-o", "out"])
    assert (options.diarize, options.resume, options.audio) == (True, True, ["a.wav", "b.wav"])


def test_temperatures_fall_back_in_steps() -> None:
    assert decoding(parse(["a", "--temperature", "0.5"]))["temperature"] == [0.5, 0.7, 0.9]
    once = parse(["a", "--temperature", "0", "--temperature-increment-on-fallback", "0"])
    assert decoding(once)["temperature"] == [0.0]


@pytest.mark.parametrize("words", [["--diarize"], ["--highlight-words"], ["--max-line-width", "9"]])
def test_what_needs_word_times_gets_them(words: list[str]) -> None:
    assert parse(["a.wav", *words]).word_timestamps is True


def test_files_after_a_separator_may_begin_with_a_hyphen() -> None:
    assert parse(["--", "-odd.wav"]).audio == ["-odd.wav"]


def test_all_formats() -> None:
    assert parse(["a", "-f", "all", "-o", "x"]).formats == ("txt", "srt", "vtt", "tsv", "json")
    assert parse(["a", "-f", "all", "-o", "x", "--diarize"]).formats[-1] == "rttm"


def test_speaker_names() -> None:
    assert parse(["a", "--speaker-names", "Ann, Bob,"]).speaker_names == ["Ann", "Bob"]


def test_diarize_alone_gives_rttm() -> None:
    assert parse(["a.wav"], diarize_only=True).formats == ("rttm",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "--format", "doc"], "There is no format `doc`. There are txt, srt, vtt,"),
        ([], "Name at least one audio file"),
        (["a", "--frobnicate"], "Unrecognized arguments: --frobnicate."),
        (["a", "--format", "srt,vtt"], "Several formats need --output-dir DIR"),
        (["a", "--format", "jsonl", "-o", "x"], "jsonl goes to standard output, alone"),
        (["a", "--format", "rttm"], "rttm says who speaks when: add --diarize."),
        (["a", "--resume"], "--resume needs --output-dir DIR"),
        (["a", "--num-speakers", "0"], "`0` is not a whole number above 0"),
        (["a", "--num-speakers", "2", "--max-speakers", "3"], "--num-speakers is exact"),
        (["a", "--min-speakers", "4", "--max-speakers", "3"], "is more than --max-speakers"),
        (["a", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["a", "--beam-size", "many"], "`many` is not a whole number above 0"),
        (["a", "--suppress-tokens", "x"], "--suppress-tokens takes numbers"),
        (["a", "--suppress-tokens", "51866"], "--suppress-tokens takes -1 and the numbers below"),
        (["a", "--vad-filter=maybe"], "`maybe` is neither True nor False"),
    ],
)
def test_wrong_usage_is_said_in_a_line(words: list[str], message: str) -> None:
    assert message in refused(*words)


@pytest.mark.parametrize("name", ["--hf_token", "--hf-token", "--token", "--use_auth_token"])
def test_a_token_on_the_command_line_is_refused_and_not_repeated(name: str) -> None:
    message = refused("a.wav", name, "hf_SeCrEt") + refused("a.wav", f"{name}=hf_SeCrEt")
    assert "HF_TOKEN" in message
    assert "hf_SeCrEt" not in message


def test_the_help_names_the_default_model() -> None:
    from mlenv import models
    from mlenv.transcribe import parser

    assert f"hub id ({models.default()})" in parser.build("transcribe").format_help()

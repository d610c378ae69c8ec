"""The command line of `transcribe`: names, values, and what is said about wrong ones."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest

from mlenv.machine.settings import SETTINGS, Settings
from mlenv.result import MlenvError
from mlenv.speech.transcribe import option_table
from mlenv.speech.transcribe.compat import ANYWAY, REFUSED, SECRET
from mlenv.speech.transcribe.option import Option
from mlenv.speech.transcribe.options import decoding, parse
from mlenv.speech.workers.fallback import TEMPERATURES
from tests.support.places import DATA

OTHER_TOOLS = tomllib.loads((DATA / "other_tools.toml").read_text(encoding="utf-8"))
THEIRS = {  # each option with each of its values: three tools call most of them the same
    (name, value) for tool in OTHER_TOOLS.values() for name, value in tool["options"].items()
}


def refused(*words: str) -> str:
    with pytest.raises(MlenvError) as caught:
        parse(words)
    assert caught.value.exit_code == 2
    return caught.value.message


OURS = {"condition_on_previous_text": False, "temperature": TEMPERATURES}


@pytest.mark.parametrize("option", option_table.OPTIONS, ids=lambda option: option.name)
def test_each_option_is_taken_with_each_word_that_is_offered(option: Option) -> None:
    """Also in capitals, and by its other names."""
    to_files = ["-o", "out"]
    about = {"rttm": ["--diarize"], "jsonl": [], "all": to_files, "ray": to_files}
    for word in option.kind.words:
        for spelling in {word, word.upper(), word.title()}:
            for name in (option.name, *option.also):
                words = [f"{name}={spelling}"]
                if option.name != "--serve" or spelling.lower() == "false":
                    words.append("a.wav")
                words += ["-o", "out"] if option.name == "--resume" else about.get(word, [])
                words += ["--max-line-width", "40"] if option.name == "--max-line-count" else []
                parse(words)
    if option.setting:
        assert option.setting in SETTINGS


def test_the_users_own_defaults_are_those_of_the_options() -> None:
    origins = {"model": "$MLENV_MODEL", "formats": "config.toml", "device": "config.toml"}
    own = Settings({"model": "tiny.en", "formats": "srt", "device": "cpu"}, {}, origins)
    options = parse(["a.wav"], settings=own)
    assert (options.model, options.formats, options.device) == ("tiny.en", ("srt",), "cpu")
    options = parse(["a.wav", "--model", "base", "-f", "vtt"], settings=own)
    assert (options.model, options.formats, options.device) == ("base", ("vtt",), "cpu")
    assert parse(["a.wav"], diarize_only=True, settings=own).formats == ("rttm",)
    several = Settings({"formats": "srt,json"}, {}, {"formats": "$MLENV_FORMATS"})
    assert parse(["a.wav", "-o", "out"], settings=several).formats == ("srt", "json")
    assert parse(["a.wav"], settings=several).formats == ("srt",)
    wrong = Settings({"device": "gpu"}, {}, {"device": "/home/me/config.toml"})
    with pytest.raises(MlenvError) as caught:
        parse(["a.wav"], settings=wrong)
    assert caught.value.message == (
        "/home/me/config.toml: `device`: `gpu` is none of auto, cpu, cuda. Did you mean cpu?"
    )


def test_names_of_other_tools_before_their_values() -> None:
    line = "--file-name talk.wav --model-name openai/whisper-large-v3 --batch-size 24"
    options = parse(line.split())
    assert (options.audio, options.model, options.batched) == (["talk.wav"], "large-v3", True)


def test_a_language_that_is_found_out_by_itself() -> None:
    assert parse(["a.wav", "--language", "auto"]).language is None


def test_nothing_asked_for_leaves_our_defaults() -> None:
    usual = {"vad_filter": True, "word_timestamps": False}
    assert decoding(parse(["a.wav"])) == {**usual, **OURS}
    sampled = {**usual, "condition_on_previous_text": False}
    assert decoding(parse(["a.wav", "--seed", "3"])) == sampled


def test_a_temperature_to_begin_with_has_a_seed() -> None:
    assert parse(["a.wav"]).seed is None
    assert parse(["a.wav", "--temperature", "0"]).seed is None
    assert parse(["a.wav", "--temperature", "0.4"]).seed == 0
    assert parse(["a.wav", "--temperature", "0.4", "--seed", "7"]).seed == 7
    with pytest.raises(MlenvError, match="is not a whole number from 0 to 4294967295"):
        parse(["a.wav", "--seed", str(1 << 32)])


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
        **OURS,
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


@pytest.mark.parametrize(
    "words",
    [
        ["--diarize"],
        ["--highlight-words"],
        ["--captions"],
        ["--max-line-width", "9"],
        ["--max-words-per-line", "3"],
        ["--hallucination-silence-threshold", "2"],
        ["--append-punctuations", "."],
    ],
)
def test_what_needs_word_times_gets_them(words: list[str]) -> None:
    assert parse(["a.wav", *words]).word_timestamps is True


def test_files_after_a_separator_may_begin_with_a_hyphen() -> None:
    assert parse(["--", "-odd.wav"]).audio == ["-odd.wav"]


def test_all_formats() -> None:
    assert parse(["a", "-f", "all", "-o", "x"]).formats == ("txt", "srt", "vtt", "tsv", "json")
    assert parse(["a", "-f", "all", "-o", "x", "--diarize"]).formats[-1] == "rttm"


def test_speaker_names() -> None:
    names = parse(["a", "--diarize", "--speaker-names", "Ann, Bob\n Lee,"]).speaker_names
    assert names == ["Ann", "Bob Lee"]


def test_diarize_alone_gives_rttm() -> None:
    assert parse(["a.wav"], diarize_only=True).formats == ("rttm",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "--format", "doc"], "--format: there is no `doc`, only txt, srt, vtt,"),
        ([], "Name at least one audio file"),
        (["a", "--frobnicate"], "There is no option --frobnicate."),
        (["a", "--modle", "base"], "There is no option --modle. Did you mean --model?"),
        (["a", "--format", "srt,vtt"], "Several formats need --output-dir DIR"),
        (["a", "--format", "jsonl", "-o", "x"], "jsonl goes to standard output, alone"),
        (["a", "--format", "rttm"], "rttm says who speaks when: add --diarize."),
        (["a", "--resume"], "--resume needs --output-dir DIR"),
        (["a", "--num-speakers", "0"], "`0` is not a whole number above 0"),
        (["a", "--num-speakers", "2"], "--num-speakers is about who speaks when: add --diarize."),
        (["a", "--speaker-names", "A,B"], "--speaker-names is about who speaks when"),
        (["a", "--diarize", "--speaker-names", "A,B, A"], "--speaker-names has a name twice"),
        (["a", "--diarize", "--speaker-names", "SPEAKER_01"], "SPEAKER_01 is what a speaker with"),
        (["a", "--diarize", "--num-speakers", "2", "--max-speakers", "3"], "is exact"),
        (["a", "--diarize", "--min-speakers", "4", "--max-speakers", "3"], "is more than"),
        (["a", "--max-line-count", "2"], "--max-line-count needs --max-line-width"),
        (["a", "--batch-size", "4", "--batched", "False"], "are for --batched"),
        (["a", "--batched", "--vad-filter", "False"], "--batched cuts at pauses"),
        (["a", "--batched", "--clip-timestamps", "1,2"], "leave out --clip-timestamps"),
        (["a", "--clip-timestamps", "3,2"], "`3,2` is not START,END,.. in growing seconds"),
        (["a", "--chunk-size", "31"], "`31` is not a whole number from 1 to 30"),
        (["a", "--language", "Klingon"], "no language `Klingon`: use auto, a code (en, de) or an"),
        (["a", "--vad-method", "pyannote"], "--vad-method: `pyannote` is none of silero."),
        (["a", "--device", "tpu"], "--device: `tpu` is none of auto, cpu, cuda."),
        (["a", "--beam-size", "many"], "`many` is not a whole number above 0"),
        (
            ["a", "--suppress-tokens", "x"],
            "--suppress-tokens: `x` is not -1 and the numbers below 51866",
        ),
        (["a", "--suppress-tokens", "51866"], "`51866` is not -1 and the numbers below 51866"),
        (["a", "--temperature", "0,0.2"], "`0,0.2` is not one number from 0 to 1"),
        (["a", "--temperature", "1.5"], "`1.5` is not one number from 0 to 1"),
        (["a", "--temperature", "nan"], "`nan` is not one number from 0 to 1"),
        (["a", "--no-speech-threshold", "2"], "`2` is not one number from 0 to 1 (or `off`)"),
        (["a", "--patience", "-1"], "`-1` is not one number, 0 or above"),
        (["a", "--length-penalty", "x"], "`x` is not one number"),
        (["a", "--threads", "-2"], "`-2` is not a whole number, 0 or above"),
        (["a", "--vad-filter=maybe"], "`maybe` is neither True nor False"),
        (["a", "--formt", "srt"], "There is no option --formt. Did you mean --format?"),
        (["a", "--outputformat", "srt"], "no option --outputformat. Did you mean --output-format?"),
        (["a", "--format", "stt"], "there is no `stt`, only txt, srt, vtt, tsv, json, aud, rttm"),
        (["a", "--format", "sr"], "Did you mean srt?"),
        (["a", "--language", "zh-TW"], "no language `zh-TW`. Did you mean zh (Chinese)?"),
        (["a", "--language", "englsh"], "no language `englsh`. Did you mean en (English)?"),
        (["a", "--language", "deu"], "no language `deu`. Did you mean de (German)?"),
        (["a", "--temperature", "7"], "--temperature: `7` is not one number from 0 to 1."),
        (["a", "--compute-type", "int9"], "`int9` is none of auto, default, int8, int8_float32"),
        (["a", "--compute-type", "int9"], "Did you mean int8?"),
        (["a", "--model"], "--model needs a value: NAME."),
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
    from mlenv.speech import models
    from mlenv.speech.transcribe import parser

    assert f"hub id ({models.default()})" in parser.build("transcribe").format_help()


def line_of(name: str) -> list[str]:
    """A command line on which the option can do something."""
    about_speakers = "speaker" in name or name == "--diarize_model"
    wide = ["--max_line_width", "40"] if name == "--max_line_count" else []
    return ["a.wav", "--output_dir", "out", *wide, *(["--diarize"] if about_speakers else [])]


def spelt(name: str) -> str:
    return name.replace("_", "-")


@pytest.mark.parametrize(
    ("name", "value"),
    sorted(each for each in THEIRS if spelt(each[0]) not in {*REFUSED, *SECRET, *ANYWAY}),
)
def test_an_option_of_another_tool_is_taken_and_changes_something(name: str, value: str) -> None:
    plain = line_of(name)
    assert vars(parse([*plain, name, *filter(None, [value])])) != vars(parse(plain))


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_option_that_is_not_here_is_refused_with_the_way(name: str) -> None:
    with pytest.raises(MlenvError) as caught:
        parse(["a.wav", name, "value"])
    assert caught.value.message == f"mlenv has no {name}."
    assert caught.value.hint == REFUSED[name]
    assert parse(["a.wav", name, "False"]).audio == ["a.wav"]


def test_all_that_is_refused_or_done_anyway_is_another_tools_option() -> None:
    names = {spelt(name) for name, _ in THEIRS}
    assert {*REFUSED, *ANYWAY, SECRET[0]} <= names


def test_no_alignment_is_done_anyway() -> None:
    assert vars(parse(["a.wav", "--no_align"])) == vars(parse(["a.wav"]))


def test_none_is_what_the_other_tools_mean_by_it() -> None:
    line = (
        "a.wav --beam_size None --best_of None --temperature_increment_on_fallback None "
        "--compression_ratio_threshold None --logprob_threshold None --no_speech_threshold None "
        "--hallucination_silence_threshold None --max_line_width None --threads None "
        "--batch_size None --language None"
    )
    options = parse(line.split())
    assert decoding(options) == {
        "vad_filter": True,
        "word_timestamps": False,
        "beam_size": 1,
        "best_of": 1,
        "condition_on_previous_text": False,
        "temperature": [0.0],
        "compression_ratio_threshold": None,
        "log_prob_threshold": None,
        "no_speech_threshold": None,
    }
    assert (options.batched, options.max_line_width, options.threads) == (False, None, 0)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("German", "de"),
        ("DE", "de"),
        ("Castilian", "es"),
        ("Haitian Creole", "ht"),
        ("mandarin", "zh"),
        ("yue", "yue"),
    ],
)
def test_languages_by_code_and_by_name(name: str, code: str) -> None:
    assert parse(["a.wav", "--language", name]).language == code


def test_a_size_of_batches_or_windows_asks_for_batches() -> None:
    assert parse(["a.wav", "--batch_size", "16"]).batched is True
    assert decoding(parse(["a.wav", "--chunk_size", "20"]))["chunk_length"] == 20
    assert parse(["a.wav"]).batched is False


def test_a_folder_goes_before_a_name_as_in_whisper_ctranslate2() -> None:
    assert parse(["a", "--model_directory", "mine", "--model", "small"]).model == "mine"


def test_half_precision_is_a_compute_type() -> None:
    assert parse(["a", "--fp16", "False"]).compute_type == "float32"
    assert parse(["a", "--fp16", "True", "--compute_type", "int8"]).compute_type == "int8"


def test_the_hub_id_of_a_pipeline_is_its_name() -> None:
    line = "a --diarize --diarize_model pyannote/speaker-diarization-community-1"
    assert parse(line.split()).diarize_model == "community-1"


def test_a_file_whose_name_looks_like_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `*.wav` brings it."""
    monkeypatch.chdir(tmp_path)
    for name in ("-n.wav", "--take=1.wav", "--json", "a.wav"):
        (tmp_path / name).touch()
    options = parse(["--take=1.wav", "-n.wav", "a.wav", "--json", "--", "-n.wav"])
    assert options.audio == ["./--take=1.wav", "./-n.wav", "a.wav", "-n.wav"]
    assert options.json
    assert refused("-m.wav") == "There is no option -m.wav."


def test_tracks_and_channels() -> None:
    options = parse(["a.mkv"])
    assert (options.track, options.channels, options.channels_speak) == (None, "mix", False)
    options = parse(["a.mkv", "--track", "German", "--channels", "2"])
    assert (options.track, options.channels) == (("de", "ger", "deu"), "2")
    assert parse(["a.mkv", "--track=3"]).track == ("3",)
    assert "`0` is neither the number of a track nor a language" in refused("a", "--track", "0")
    assert "`left` is neither mix, each nor the number of" in refused("a", "--channels", "left")


def test_channels_as_speakers_need_no_others() -> None:
    options = parse(["a.wav", "--channels", "each", "--diarize", "--format", "rttm"])
    assert (options.channels_speak, options.diarize, options.word_timestamps) == (True, False, True)
    assert not parse(["a.wav", "--channels", "each"]).channels_speak
    message = refused("a", "--channels", "each", "--diarize", "--num-speakers", "2")
    assert (
        message == "With --channels each the channels are the speakers: leave out --num-speakers."
    )
    with pytest.raises(MlenvError, match="use `mlenv exec transcribe --diarize`"):
        parse(["a.wav", "--channels", "each"], diarize_only=True)

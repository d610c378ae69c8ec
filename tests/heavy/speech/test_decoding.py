"""All that FFmpeg can decode is decoded, and what is missing is said: against Debian's ffmpeg."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import pytest

from tests.support import tally
from tests.support.recordings import (
    DAMAGE,
    FIRST,
    LAST,
    codes,
    damaged,
    decoded,
    ffmpeg,
    joined,
    seconds_by_ffmpeg,
    shortened,
    sox,
)

pytestmark = pytest.mark.heavy

TOLERANCE = 0.05  # seconds
# No length, no times, frames without a mark: all bytes are sound.
TELL_NOTHING = {".tco"}
# What Debian's FFmpeg takes of damaged packets there is noise: PyAV's newer one refuses it, or the
# marks of frames are looked at here.
STRICTER = {"adpcm_ima_qt.caf", "libvorbis.ismv", "a.gsm"}

CONTAINERS = {  # by suffix: what ffmpeg is told beside the name
    "wav": (),
    "flac": (),
    "mp3": (),
    "m4a": (),
    "aac": (),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "spx": (),
    "webm": ("-c:a", "libopus"),
    "mkv": ("-c:a", "aac"),
    "mka": ("-c:a", "libvorbis"),
    "ts": (),
    "vob": (),
    "mp2": (),
    "mp4": (),
    "mov": (),
    "flv": (),
    "avi": (),
    "ac3": (),
    "eac3": (),
    "dts": ("-strict", "-2"),
    "wma": (),
    "rm": (),
    "aiff": (),
    "au": (),
    "caf": (),
    "w64": (),
    "tta": (),
    "wv": (),
    "voc": (),
    "gsm": ("-ar", "8000", "-ac", "1"),
}
# Suffix, rate, channels, codecs: each other container and codec that Debian's ffmpeg writes and
# reads. Left out: Codec 2, which PyAV lacks (it is refused in words).
CODECS = (
    ("3g2", 48000, 2, "aac"),
    ("3gp", 48000, 2, "aac"),
    ("adx", 48000, 2, "adpcm_adx"),
    (
        "aif",
        48000,
        2,
        "adpcm_ima_ws pcm_alaw pcm_f32be pcm_f64be pcm_mulaw pcm_s16le pcm_s24be pcm_s32be pcm_u8",
    ),
    ("apm", 48000, 2, "adpcm_ima_apm"),
    ("aptx", 48000, 2, "aptx"),
    ("aptxhd", 48000, 2, "aptx_hd"),
    ("asf", 16000, 1, "libgsm_ms libspeex"),
    ("asf", 44100, 2, "adpcm_swf"),
    ("asf", 48000, 2, "adpcm_ima_wav adpcm_ms adpcm_yamaha dfpwm flac"),
    ("asf", 48000, 2, "pcm_f32le pcm_f64le pcm_s24le pcm_s32le pcm_s64le wmav1"),
    ("ast", 48000, 2, "pcm_s16be_planar"),
    ("au", 16000, 1, "g726le"),
    ("aud", 22050, 1, "adpcm_ima_ws"),
    ("avi", 48000, 2, "wmav2"),
    ("caf", 48000, 2, "adpcm_ima_qt libopus"),
    ("f4v", 48000, 2, "libmp3lame"),
    ("flv", 16000, 1, "nellymoser"),
    ("g722", 16000, 1, "g722"),
    ("ismv", 48000, 2, "libvorbis"),
    ("latm", 48000, 2, "aac"),
    ("m4a", 48000, 2, "alac"),
    ("mkv", 48000, 2, "wavpack pcm_s16le mp2 truehd eac3"),
    ("mkv", 8000, 1, "real_144"),
    ("mlp", 48000, 2, "mlp"),
    ("mmf", 22050, 1, "adpcm_yamaha"),
    ("mov", 16000, 1, "g726"),
    ("mov", 48000, 2, "pcm_s16be pcm_s24le alac"),
    ("mp4", 48000, 2, "truehd libopus flac mp2"),
    ("mpg", 48000, 2, "pcm_s16be"),
    ("nut", 48000, 2, "adpcm_ima_wav mp2"),
    ("ogg", 48000, 2, "flac"),
    ("rso", 44100, 1, "pcm_u8"),
    ("sbc", 48000, 2, "sbc"),
    ("sf", 48000, 2, "pcm_s8"),
    ("sox", 48000, 2, "pcm_s32be"),
    ("spx", 16000, 1, "libspeex"),
    ("swf", 44100, 2, "libmp3lame"),
    ("tco", 8000, 1, "g723_1"),
    ("thd", 48000, 2, "truehd"),
    ("ts", 48000, 2, "s302m"),
    ("tun", 22050, 1, "adpcm_ima_alp"),
    ("vag", 48000, 2, "adpcm_ima_ssi"),
    ("vob", 48000, 2, "pcm_dvd"),
    ("voc", 48000, 2, "pcm_s16le"),
    ("w64", 48000, 2, "pcm_s24le"),
    ("wav", 48000, 2, "pcm_u8 pcm_f64le"),
    ("webm", 48000, 2, "libvorbis"),
    ("wtv", 48000, 2, "mp2"),
)


WITH_A_PICTURE = ("gxf", "mxf")  # containers that want one


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same 21 seconds in every container and codec, by name."""
    folder = tmp_path_factory.mktemp("healthy")
    inputs = [word for clip in (FIRST, LAST, FIRST, LAST) for word in ("-i", clip)]
    together = ("-filter_complex", "[0:a][1:a][2:a][3:a]concat=n=4:v=0:a=1,aresample=44100")
    source = folder / "source.wav"
    ffmpeg(*inputs, *together, "-ac", "2", source)
    made = [folder / f"a.{suffix}" for suffix in CONTAINERS]
    for path, words in zip(made, CONTAINERS.values(), strict=True):
        ffmpeg("-i", source, *words, path)
    for suffix, rate, channels, codecs in CODECS:
        for codec in codecs.split():
            made.append(folder / f"{codec}.{suffix}")
            form = ("-ar", rate, "-ac", channels, "-c:a", codec, "-strict", -2)
            ffmpeg("-i", source, *form, made[-1])
    for suffix in WITH_A_PICTURE:
        made.append(folder / f"a.{suffix}")
        picture = ("-f", "lavfi", "-i", "testsrc=d=21.2:s=720x576:r=25")
        codecs = ("-c:v", "mpeg2video", "-b:v", "1M", "-c:a", "pcm_s16le", "-ar", 48000, "-ac", 1)
        ffmpeg(*picture, "-i", source, *codecs, made[-1])
    return {path.name: path for path in made}


def test_healthy_files_are_whole_and_nothing_is_said_of_them(
    healthy: dict[str, Path], real_venv: Path
) -> None:
    found = decoded(real_venv, *healthy.values())
    wrong = {}
    for path, file in zip(healthy.values(), found, strict=True):
        lost = max(0.0, seconds_by_ffmpeg(path) - file.get("duration", 0.0) - TOLERANCE)
        tally.count(tally.FILES, 1)
        tally.count(tally.LOST, 0 if file.get("warnings") or "code" in file else lost)
        tally.count(tally.FALSE, len(file.get("warnings", [file])))
        if lost or file.get("warnings", [file]) or file["unread"]:
            wrong[path.name] = file
    assert wrong == {}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_costs_no_more_than_it_costs_ffmpeg(
    kind: str, healthy: dict[str, Path], real_venv: Path
) -> None:
    broken = [damaged(path, kind) for path in healthy.values()]
    wrong = {}
    for path, file in zip(broken, decoded(real_venv, *broken), strict=True):
        reference = seconds_by_ffmpeg(path)
        tally.count(tally.FILES, 1)
        tally.count(tally.LOST, 0)
        if "code" in file:  # no index, no way in: ffmpeg has none either
            assert (file["code"], reference) == ("audio-undecodable", 0.0), path.name
            continue
        silence = sum(
            warning["end"] - warning["start"]
            for warning in file["warnings"]
            if warning["code"] in ("gap", "damaged")
        )
        heard = file["duration"] - silence
        name = path.name.removeprefix(f"{kind}-")
        if heard < 0.99 * reference - TOLERANCE and not (name in STRICTER and file["warnings"]):
            tally.count(tally.LOST, 0 if file["warnings"] else reference - heard)
            wrong[path.name] = (reference, file)
        whole = seconds_by_ffmpeg(healthy[name])
        if whole - heard > 0.5 and not file["warnings"] and path.suffix not in TELL_NOTHING:
            tally.count(tally.LOST, whole - heard)
            wrong[path.name] = (whole, file)
    assert wrong == {}


@pytest.mark.parametrize(
    "suffix, codec",
    [
        *((suffix, codec) for suffix in ("wav", "avi") for codec in ("adpcm_ms", "adpcm_ima_wav")),
        *(("avi", codec) for codec in ("eac3", "g726")),
        *(("wav", codec) for codec in ("libgsm_ms", "flac")),
    ],
)
def test_headers_and_times_that_are_wrong_for_their_codec_do_no_harm(
    suffix: str, codec: str, real_venv: Path, tmp_path: Path
) -> None:
    made = tmp_path / f"a.{suffix}"
    rate = ("-ar", 8000) if codec in ("libgsm_ms", "g726") else ("-ar", 44100)
    ffmpeg("-i", LAST, *rate, "-ac", 1, "-c:a", codec, made)
    whole, cut = decoded(real_venv, made, shortened(made))
    assert whole["duration"] == pytest.approx(seconds_by_ffmpeg(made), abs=0.1)
    assert (whole["warnings"], whole["unread"]) == ([], 0.0)
    assert "truncated" in codes(cut)
    assert cut["unread"] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("suffix", ["ogg", "ts", "ac3", "aac", "mp3"])
def test_pieces_of_other_rates_and_channels_are_heard_in_one_file(
    suffix: str, real_venv: Path, tmp_path: Path
) -> None:
    codec = {"ogg": "libvorbis", "ts": "aac", "mp3": "libmp3lame"}.get(suffix, suffix)
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    ffmpeg("-i", FIRST, "-ar", "48000", "-ac", "2", "-c:a", codec, one)
    ffmpeg(
        "-i", LAST, "-ar", "48000" if suffix == "ts" else "32000", "-ac", "1", "-c:a", codec, two
    )
    both = joined(tmp_path / f"both.{suffix}", one, two)
    (file,) = decoded(real_venv, both)
    assert file["duration"] == pytest.approx(10.6, abs=0.2)
    # only a broadcast has a clock that goes on
    assert codes(file) == (["times"] if suffix == "ts" else [])
    assert file["unread"] == 0.0


def test_joined_mp3_files_are_whole(real_venv: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.mp3", tmp_path / "two.mp3"
    ffmpeg("-i", FIRST, "-metadata", "title=one", one)
    ffmpeg("-i", LAST, "-metadata", "title=two", two)
    (file,) = decoded(real_venv, joined(tmp_path / "both.mp3", one, two))
    assert file["duration"] == pytest.approx(10.7, abs=0.1)
    assert (file["warnings"], file["unread"]) == ([], 0.0)


def test_a_stream_of_a_kind_that_nobody_knows_is_passed_over(
    real_venv: Path, tmp_path: Path
) -> None:
    """PyAV crashes where it is asked for the kind of such a stream."""
    ffmpeg("-i", FIRST, "-ar", 48000, "-c:a", "pcm_s16le", tmp_path / "a.gxf")
    (file,) = decoded(real_venv, tmp_path / "a.gxf")
    # its packets have 32,768 samples, and the last one is filled up
    assert file["duration"] == pytest.approx(8 * 32_768 / 48_000, abs=0.01)


@pytest.mark.parametrize("suffix", ["gxf", "mmf", "mxf"])
def test_half_a_file_of_a_rare_kind_is_said(
    suffix: str, healthy: dict[str, Path], real_venv: Path
) -> None:
    (name,) = (each for each in healthy if each.endswith(f".{suffix}"))
    (file,) = decoded(real_venv, shortened(healthy[name]))
    assert codes(file) == ["truncated"]
    assert file["unread"] == pytest.approx(0.5, abs=0.05)


def test_an_unknown_codec_is_refused_in_words(real_venv: Path, tmp_path: Path) -> None:
    ffmpeg("-i", FIRST, "-c:a", "aac", tmp_path / "a.mkv")
    data = (tmp_path / "a.mkv").read_bytes()
    assert b"A_AAC" in data
    (tmp_path / "codec.mkv").write_bytes(data.replace(b"A_AAC", b"A_ZZZ"))
    ffmpeg("-i", FIRST, tmp_path / "a.wav")
    head = bytearray((tmp_path / "a.wav").read_bytes())
    head[20:22] = b"\x34\x12"
    (tmp_path / "tag.wav").write_bytes(head)
    message = "can't be decoded: FFmpeg has no decoder for the codec of its sound"
    refused = {"code": "audio-undecodable", "message": message}
    found = decoded(real_venv, tmp_path / "codec.mkv", tmp_path / "tag.wav")
    assert found == [refused, refused]


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4", "avi", "flv"])
def test_a_picture_that_is_longer_than_the_sound_is_no_loss(
    suffix: str, real_venv: Path, tmp_path: Path
) -> None:
    made = tmp_path / f"a.{suffix}"
    picture = ("-f", "lavfi", "-i", "testsrc=d=12:s=160x120:r=5")
    ffmpeg(
        *picture,
        "-i",
        FIRST,
        "-map",
        "0",
        "-map",
        "1",
        "-ar",
        "44100" if suffix == "flv" else "48000",
        made,
    )
    (file,) = decoded(real_venv, made)
    assert (file["warnings"], file["unread"]) == ([], 0.0)


@pytest.mark.parametrize("suffix", ["wav", "m4a", "aiff", "caf", "flv"])
def test_a_file_behind_the_end_of_another_is_read_and_named(
    suffix: str, real_venv: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    for clip, made in ((FIRST, one), (LAST, two)):
        ffmpeg("-i", clip, "-ar", "44100", made)
    (file,) = decoded(real_venv, joined(tmp_path / f"both.{suffix}", one, two))
    assert file["duration"] == pytest.approx(10.6, abs=0.15)
    (warning,) = file["warnings"]
    assert (warning["code"], file["unread"]) == ("joined", 0.0)
    assert warning["start"] == pytest.approx(5.2, abs=0.1)


def test_chained_ogg_with_other_channels_is_whole(real_venv: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.opus", tmp_path / "two.opus"
    ffmpeg("-i", FIRST, "-ac", "2", one)
    ffmpeg("-i", LAST, two)
    (file,) = decoded(real_venv, joined(tmp_path / "both.opus", one, two, one))
    assert file["duration"] == pytest.approx(15.8, abs=0.1)
    assert (file["warnings"], file["unread"]) == ([], 0.0)


def test_a_header_that_was_never_updated_hides_nothing(real_venv: Path, tmp_path: Path) -> None:
    made = tmp_path / "a.wav"
    ffmpeg("-i", FIRST, made)
    data = bytearray(made.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = (32_000).to_bytes(4, "little")
    made.write_bytes(data)
    (file,) = decoded(real_venv, made)
    assert file["duration"] == pytest.approx(5.215, abs=0.01)
    message = "says that it lasts 1.0 s and holds 5.2 s: all of it is read"
    assert [(each["code"], each["message"]) for each in file["warnings"]] == [("header", message)]


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4", "wma", "ts", "ogg", "flac"])
def test_a_file_whose_times_do_not_begin_at_nought_is_whole(
    suffix: str, real_venv: Path, tmp_path: Path
) -> None:
    """A player begins with the first of them."""
    made = tmp_path / f"late.{suffix}"
    ffmpeg("-itsoffset", 3, "-i", FIRST, "-ar", 48000, made)
    (file,) = decoded(real_venv, made)
    assert (file["duration"], codes(file)) == (pytest.approx(5.2, abs=0.2), [])


@pytest.mark.parametrize("suffix", ["mp4", "mov", "webm", "mkv", "ts"])
def test_sound_that_begins_late_keeps_its_place(
    suffix: str, real_venv: Path, tmp_path: Path
) -> None:
    made = tmp_path / f"late.{suffix}"
    picture = ("-f", "lavfi", "-i", "testsrc=d=12:s=160x120:r=5")
    ffmpeg(*picture, "-itsoffset", 5, "-i", FIRST, "-map", 0, "-map", 1, "-ar", 48000, made)
    (file,) = decoded(real_venv, made)
    assert file["duration"] == pytest.approx(10.2, abs=0.1)
    assert (file["warnings"], file["unread"]) == ([], 0.0)


def test_lost_packets_become_silence(real_venv: Path, tmp_path: Path) -> None:
    ffmpeg(
        "-i",
        FIRST,
        "-i",
        LAST,
        "-filter_complex",
        "concat=v=0:a=1",
        "-c:a",
        "aac",
        tmp_path / "a.ts",
    )
    data = (tmp_path / "a.ts").read_bytes()
    packets = len(data) // 188
    hole = slice(packets // 4 * 188, packets // 2 * 188)
    (tmp_path / "hole.ts").write_bytes(data[: hole.start] + data[hole.stop :])
    (file,) = decoded(real_venv, tmp_path / "hole.ts")
    assert file["duration"] == pytest.approx(10.6, abs=0.1)
    (warning,) = file["warnings"]
    assert warning["code"] == "damaged"
    assert warning["end"] - warning["start"] == pytest.approx(2.65, abs=0.4)
    assert file["unread"] == pytest.approx(0.25, abs=0.04)


def test_tracks_by_default_number_and_language(real_venv: Path, tmp_path: Path) -> None:
    made = tmp_path / "a.mkv"
    languages = ("-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=eng")
    default = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    ffmpeg(
        "-i",
        FIRST,
        "-i",
        LAST,
        "-map",
        "0",
        "-map",
        "1",
        "-c:a",
        "flac",
        *languages,
        *default,
        made,
    )
    (file,) = decoded(real_venv, made)
    assert (file["duration"], codes(file)) == (5.385, ["track"])
    for track in ("1", "ja jpn"):
        (file,) = decoded(real_venv, made, track=track)
        assert (file["duration"], file["warnings"]) == (5.215, [])
    (file,) = decoded(real_venv, made, track="3")
    message = "has no audio track 3, but 2 audio tracks (1: jpn, 2: eng)"
    assert file == {"code": "audio-undecodable", "message": message}


@pytest.fixture
def clips(tmp_path: Path) -> tuple[Path, Path]:
    for clip, name in ((FIRST, "one.wav"), (LAST, "two.wav")):
        ffmpeg("-i", clip, tmp_path / name)
    return tmp_path / "one.wav", tmp_path / "two.wav"


def test_nothing_on_any_channel_is_lost(
    clips: tuple[Path, Path], real_venv: Path, tmp_path: Path
) -> None:
    one, two = clips
    inverted, quiet, low = (tmp_path / f"{name}.wav" for name in ("inverted", "quiet", "low"))
    sox(one, inverted, "remix", "1", "1i")
    sox("-M", one, f"|sox {two} -p pad 6 0 gain -20", quiet)
    ffmpeg("-i", one, "-af", "pan=5.1|LFE=c0", low)
    bare = tmp_path / "bare.wav"
    microphones = bytearray(one.read_bytes())
    samples = memoryview(microphones)[microphones.index(b"data") + 8 :].cast("h")
    with wave.open(str(bare), "wb") as out:  # Python's writer leaves out the channels' places
        out.setparams((8, 2, 16000, 0, "NONE", ""))
        out.writeframes(
            b"".join(bytes(6) + n.to_bytes(2, "little", signed=True) + bytes(8) for n in samples)
        )
    alone, *found = decoded(real_venv, one, inverted, quiet, low, bare)
    assert [codes(file) for file in found] == [["channels"], ["channels"], ["channels"], []]
    assert found[0]["level"] == pytest.approx(alone["level"], rel=0.02)
    assert found[2]["level"] == pytest.approx(alone["level"], rel=0.02)
    assert found[3]["level"] == pytest.approx(alone["level"] / 8, rel=0.02)
    assert re.fullmatch(
        r"has another party on channel 2, 1\d dB quieter: it is raised",
        found[1]["warnings"][0]["message"],
    )


def test_healthy_channels_are_left_alone(
    clips: tuple[Path, Path], real_venv: Path, tmp_path: Path
) -> None:
    one, two = clips
    stereo, call, hiss, leak = (tmp_path / f"{n}.wav" for n in ("stereo", "call", "hiss", "leak"))
    sox(one, stereo, "remix", "1", "1")
    sox("-M", one, f"|sox {two} -p pad 6 0", call)
    sox("-M", one, "|sox -n -r 16000 -p synth 5.2 whitenoise gain -45", hiss)
    sox("-M", one, f"|sox {one} -p gain -20 echo 0.8 0.9 60 0.4", leak)  # the same, from afar
    for file in decoded(real_venv, stereo, call, hiss, leak):
        assert (file["warnings"], file["unread"]) == ([], 0.0)


def test_one_channel_by_its_number(
    clips: tuple[Path, Path], real_venv: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.wav"
    sox("-M", clips[0], "|sox -n -r 16000 -p trim 0 5", both)
    mono, first, second = (
        decoded(real_venv, path, channels=channel)[0]
        for path, channel in ((clips[0], "mix"), (both, "1"), (both, "2"))
    )
    assert first["level"] == pytest.approx(mono["level"])
    assert second["level"] < 2
    (file,) = decoded(real_venv, both, channels="3")
    message = "has 2 channels: there is no channel 3"
    assert file == {"code": "channel-missing", "message": message}

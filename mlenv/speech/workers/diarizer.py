"""Worker: who speaks when, with pyannote.audio.

The first request says how: {"pipeline", "device", "device_index", "num_speakers",
"min_speakers", "max_speakers"}; every other one names a file, {"id", "samples"} as the
transcriber decoded it or {"id", "path"} to decode here. Events: `ready`, then for each file
`progress`.., and `diarized` or `failed`. A pipeline is {"kind": "open", "segmentation",
"embedding"} or {"kind": "pretrained", "from"}.

Runs inside the environment; imports nothing of mlenv and never CTranslate2. Samples are handed
to pyannote in memory: its own decoder (torchcodec) does not load beside every torch.
"""

import sys
import warnings

sys.modules["ctranslate2"] = None

from protocol import Clock, Events, libraries, requests  # noqa: E402

emit = Events()
clock = Clock()
warnings.simplefilter("ignore")

import torch  # noqa: E402
from audio import RATE, Undecodable, as_float, decode, take_over  # noqa: E402
from pyannote.audio import Pipeline  # noqa: E402

BATCHES = ("segmentation_batch_size", "embedding_batch_size")
SHORTEST = RATE // 10  # samples; less holds no turn


def load(config: dict):
    asked = config["pipeline"]
    if asked["kind"] == "open":
        from campplus import open_pipeline

        pipeline = open_pipeline(asked["segmentation"], asked["embedding"])
    else:
        pipeline = Pipeline.from_pretrained(asked["from"])
        if pipeline is None:
            raise RuntimeError(f"{asked['from']} may not be read")
    device = config["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise LookupError
        pipeline.to(torch.device("cuda", config["device_index"]))
    return pipeline, device


def diarize(pipeline, config: dict, job: dict) -> None:
    took = Clock()
    if "samples" in job:
        samples = take_over(job["samples"])
    else:
        samples, truncated = decode(job["path"])
        duration = round(len(samples) / RATE, 3)
        emit("decoded", id=job["id"], duration=duration, truncated=truncated, path=None)
    turns, exclusive = [], []
    if len(samples) >= SHORTEST:
        waveform = torch.from_numpy(as_float(samples))[None]
        speakers = ("num_speakers", "min_speakers", "max_speakers")
        output = applied(
            pipeline,
            {"waveform": waveform, "sample_rate": RATE, "uri": "file"},
            hook=progress_of(job["id"]),
            **{name: config[name] for name in speakers if config[name]},
        )
        turns = turns_of(getattr(output, "speaker_diarization", output))
        exclusive = turns_of(getattr(output, "exclusive_speaker_diarization", output))
    emit(
        "diarized",
        id=job["id"],
        turns=turns,
        exclusive=exclusive,
        seconds={"diarize": took.lap()},
        libraries=libraries(),
    )


def applied(pipeline, file: dict, **options):
    """What the pipeline finds, in smaller batches where the GPU has no room for its own. For some
    of their sizes cuDNN takes many times the memory (pyannote-audio's issue 1963)."""
    while True:
        try:
            return pipeline(file, **options)
        except torch.OutOfMemoryError:
            sizes = {name: getattr(pipeline, name, 1) for name in BATCHES}
            if max(sizes.values()) == 1:
                raise
            torch.cuda.empty_cache()
            for name, size in sizes.items():
                setattr(pipeline, name, max(1, size // 4))


def turns_of(annotation) -> list[dict]:
    return [
        {"start": round(turn.start, 3), "end": round(turn.end, 3), "speaker": speaker}
        for turn, _, speaker in annotation.itertracks(yield_label=True)
    ]


def progress_of(job: int):
    def hook(step, _artifact, file=None, total=None, completed=None):
        if total:
            emit("progress", id=job, step=step, share=round(completed / total, 3))

    return hook


def main() -> None:
    incoming = requests()
    seconds = {"import_diarizer": clock.lap()}
    config = next(incoming, None)
    if config is None:
        return
    clock.lap()
    try:
        pipeline, device = load(config)
    except LookupError:
        emit(
            "refused",
            code="cuda-not-available",
            message="--device cuda was asked for, but torch sees no CUDA device.",
        )
        return
    emit("ready", device=device, seconds={**seconds, "load_diarizer": clock.lap()})
    for job in incoming:
        try:
            diarize(pipeline, config, job)
        except Undecodable as error:
            emit("failed", id=job["id"], code=error.code, message=str(error))
        except torch.OutOfMemoryError as error:
            emit("refused", code="cuda-out-of-memory", message=str(error).splitlines()[0])
            return
        except (RuntimeError, ValueError) as error:
            emit("failed", id=job["id"], code="diarization-failed", message=f"failed: {error}")


if __name__ == "__main__":
    main()

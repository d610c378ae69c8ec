"""The weights that need no account, as a pipeline that whisperX can load by name.

whisperX reads its pipeline from a `config.yaml`. All is pyannote.audio's own but the embedding
network, which nothing of pyannote's knows how to load. `mlenv/speech` must be on PYTHONPATH.
"""

from __future__ import annotations

from pyannote.audio.core.plda import PLDA
from pyannote.audio.pipelines import SpeakerDiarization
from workers.campplus import CAMPlusPlus


class OpenWeights(SpeakerDiarization):
    """`segmentation`: pytorch_model.bin of segmentation 3.0; `embedding`: CAM++'s directory."""

    def __init__(self, segmentation: str, embedding: str, **options: object) -> None:
        super().__init__(
            segmentation=segmentation,
            embedding=CAMPlusPlus(embedding),
            plda=PLDA.__new__(PLDA),  # asked for, and never looked at by this clustering
            **options,
        )

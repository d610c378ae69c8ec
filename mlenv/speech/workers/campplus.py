"""A diarization pipeline from weights that need no account: segmentation 3.0 and CAM++.

Segmentation, clustering and all else are pyannote.audio's own `SpeakerDiarization`; the speaker
embedding is CAM++ (Wang et al. 2023, 3D-Speaker). pyannote runs an embedding network anew on each
of its windows of 10 s, which overlap by 9 s. Here the network sees every second once: it yields
frames, and an embedding pools the frames in which its speaker is heard.
"""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio import Model
from pyannote.audio.core.plda import PLDA
from pyannote.audio.models.blocks.pooling import StatsPool
from pyannote.audio.pipelines import SpeakerDiarization

from . import inner

RATE = 16_000
DIMENSION = 192
MEL_BINS = 80
BLOCK = 10  # seconds that the network sees at once
FRAMES = 50  # a second; filter banks come every 10 ms, the network keeps every other
SHORTEST = 400  # samples of one filter bank frame

# pyannote's own values for speaker-diarization-3.1, but for the threshold, which belongs to the
# embedding.
CLUSTERING = {"method": "centroid", "min_cluster_size": 3, "threshold": 0.7}


class CAMPlusPlus(Model):
    """Speaker embeddings of 192 dimensions."""

    def __init__(self, directory: str) -> None:
        super().__init__(sample_rate=RATE, num_channels=1)
        folder = Path(directory)
        source = runpy.run_path(str(folder / "camplusplus.py"))
        network = source["CAMPPlus"](feat_dim=MEL_BINS, embedding_size=DIMENSION)
        weights = torch.load(folder / "campplus_cn_en_common.pt", "cpu", weights_only=True)
        network.load_state_dict(weights)
        layers = dict(network.xvector.named_children())
        self.dense = layers.pop("dense")
        layers.pop("stats")
        self.pool = StatsPool()
        self.network = torch.nn.Sequential(network.head, *layers.values())

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return DIMENSION

    def frames(self, waveform: torch.Tensor) -> torch.Tensor:
        """(1, samples) at 16 kHz to (1, 512, frames), 50 a second."""
        banks = kaldi.fbank(
            waveform, num_mel_bins=MEL_BINS, sample_frequency=RATE, dither=0.0, snip_edges=False
        )
        return self.network((banks - banks.mean(dim=0)).T[None])

    def embed(self, frames: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """(1, 512, frames) and (speakers, any frames) weights to (speakers, 192)."""
        if weights is None:
            return self.dense(self.pool(frames))
        return self.dense(self.pool(frames.expand(len(weights), -1, -1), weights=weights))

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, 1, samples), and (batch, frames) weights, to (batch, 192), as pyannote asks."""
        rows = range(len(waveforms))
        return torch.cat(
            [
                self.embed(self.frames(waveforms[n]), None if weights is None else weights[n, None])
                for n in rows
            ]
        )


class OpenDiarization(SpeakerDiarization):
    """pyannote's pipeline; embeddings are pooled from frames that are computed once."""

    def get_embeddings(
        self,
        file: dict[str, Any],
        binary_segmentations: Any,
        exclude_overlap: bool = False,
        hook: Any = None,
    ) -> np.ndarray:
        """(windows, speakers, 192) array, as pyannote's own method returns."""
        window = binary_segmentations.sliding_window
        model, device = self._embedding.model_, self._embedding.device
        waveform = file["waveform"]
        length = round(window.duration * FRAMES)
        blocks: dict[int, torch.Tensor] = {}
        embeddings = []
        with torch.inference_mode():
            for number, masks in enumerate(binary_segmentations.data):
                begin = round(window[number].start * FRAMES)
                needed = range(
                    begin // (BLOCK * FRAMES), math.ceil((begin + length) / (BLOCK * FRAMES))
                )
                for old in [block for block in blocks if block < needed.start]:
                    del blocks[old]
                for block in needed:
                    if block not in blocks:
                        blocks[block] = self._block(model, waveform, block).to(device)
                joined = torch.cat([blocks[block] for block in needed], dim=2)
                offset = begin - needed.start * BLOCK * FRAMES
                frames = joined[:, :, offset : offset + length]
                active = torch.from_numpy(np.nan_to_num(masks.T).astype(np.float32)).to(device)
                # a last window may reach beyond the end, where there are no frames
                share = frames.shape[2] / length
                active = active[:, : max(1, round(share * active.shape[1]))]
                embeddings.append(model.embed(frames, active).cpu().numpy())
                if hook is not None and number % 20 == 0:
                    hook("embeddings", None, total=len(binary_segmentations), completed=number)
        return np.stack(embeddings)

    @staticmethod
    def _block(model: CAMPlusPlus, waveform: torch.Tensor, block: int) -> torch.Tensor:
        part = waveform[:, block * BLOCK * RATE : (block + 1) * BLOCK * RATE]
        if part.shape[1] < SHORTEST:
            return torch.zeros(1, model.dense.linear.in_channels // 2, 0)
        return model.frames(part.to(next(model.parameters()).device))


def open_pipeline(segmentation: str, embedding: str) -> tuple[SpeakerDiarization, tuple[str, ...]]:
    """The pipeline from a directory each of segmentation 3.0 and CAM++, and notes.

    Where this version of pyannote.audio lacks what `OpenDiarization` builds on, its own pipeline
    computes the embeddings: the same result in several times the time.
    """
    pipeline = _pipeline(OpenDiarization, segmentation, embedding)
    lacking = inner.missing(SpeakerDiarization, inner.SPEAKER_DIARIZATION)
    lacking += inner.missing(getattr(pipeline, "_embedding", None), inner.EMBEDDING)
    if not lacking:
        return pipeline, ()
    note = inner.note("pyannote.audio", lacking, "speakers take several times as long")
    return _pipeline(SpeakerDiarization, segmentation, embedding), (note,)


def _pipeline(
    kind: type[SpeakerDiarization], segmentation: str, embedding: str
) -> SpeakerDiarization:
    pipeline = kind(
        segmentation=str(Path(segmentation) / "pytorch_model.bin"),
        embedding=CAMPlusPlus(embedding),
        # 4.0.3 wants an object here whatever the clustering; this kind never looks at it
        plda=PLDA.__new__(PLDA),
        clustering="AgglomerativeClustering",
        segmentation_batch_size=8,
    )
    pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": CLUSTERING})
    return pipeline

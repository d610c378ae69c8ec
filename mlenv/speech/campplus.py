"""A diarization pipeline of weights that need no account: segmentation 3.0 and CAM++.

Everything but the speaker embedding is pyannote.audio's own: its `SpeakerDiarization` with its
`AgglomerativeClustering`. CAM++ (Wang et al. 2023, 3D-Speaker) is wrapped as one of its models.
"""

import runpy
from pathlib import Path

import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio import Model
from pyannote.audio.core.plda import PLDA
from pyannote.audio.models.blocks.pooling import StatsPool
from pyannote.audio.pipelines import SpeakerDiarization

DIMENSION = 192
MEL_BINS = 80


class CAMPlusPlus(Model):
    """Speaker embeddings of 192 dimensions.

    The network sees each chunk once: the pipeline asks for one embedding a speaker of the same
    chunk, and they differ only in which frames are pooled.
    """

    def __init__(self, directory: str) -> None:
        super().__init__(sample_rate=16_000, num_channels=1)
        folder = Path(directory)
        source = runpy.run_path(str(folder / "camplusplus.py"))
        network = source["CAMPPlus"](feat_dim=MEL_BINS, embedding_size=DIMENSION)
        weights = torch.load(folder / "campplus_cn_en_common.pt", "cpu", weights_only=True)
        network.load_state_dict(weights)
        self.head = network.head
        self.frames = torch.nn.Sequential(
            *[m for name, m in network.xvector.named_children() if name not in ("stats", "dense")]
        )
        self.pool = StatsPool()
        self.dense = network.xvector.dense

    @property
    def dimension(self) -> int:
        return DIMENSION

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None):
        """(batch, 1, samples) at 16 kHz, and (batch, frames) weights, to (batch, 192)."""
        first = [
            row == 0 or not torch.equal(waveforms[row], waveforms[row - 1])
            for row in range(len(waveforms))
        ]
        which = torch.tensor(first).cumsum(0) - 1
        features = torch.stack(
            [self._features(w) for w, f in zip(waveforms, first, strict=True) if f]
        )
        frames = self.frames(self.head(features.permute(0, 2, 1)))[which]
        return self.dense(self.pool(frames, weights=weights))

    @staticmethod
    def _features(waveform: torch.Tensor) -> torch.Tensor:
        """(1, samples) to (frames, 80): Kaldi's filter banks, the mean taken off."""
        banks = kaldi.fbank(waveform, num_mel_bins=MEL_BINS, sample_frequency=16_000, dither=0.0)
        return banks - banks.mean(dim=0, keepdim=True)


def open_pipeline(segmentation: str, embedding: str, clustering: dict) -> SpeakerDiarization:
    """The pipeline, from a directory each of segmentation 3.0 and CAM++."""
    pipeline = SpeakerDiarization(
        segmentation=str(Path(segmentation) / "pytorch_model.bin"),
        embedding=CAMPlusPlus(embedding),
        # 4.0.3 wants an object here whatever the clustering; this kind never looks at it
        plda=PLDA.__new__(PLDA),
        clustering="AgglomerativeClustering",
        embedding_batch_size=24,
        segmentation_batch_size=8,
    )
    pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": clustering})
    return pipeline

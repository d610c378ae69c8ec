"""Transcription on a Ray cluster: the workers of one machine, on many."""

"""Proof that an environment transcribes and diarizes: speech whose words are known, and scores."""

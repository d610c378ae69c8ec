"""Speech: models, transcription and diarization, and the test with real speech."""

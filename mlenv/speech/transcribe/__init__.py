"""`mlenv exec transcribe`: files in, transcripts out. `mlenv.speech.workers` does the work."""

"""`mlenv exec transcribe`: files in, transcripts out. The work is done by `mlenv.speech`."""

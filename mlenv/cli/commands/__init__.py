"""One module a command: arguments in, a `Result` out, nothing printed."""

OF_EXEC = ("transcribe", "diarize")  # commands of mlenv's own behind `mlenv exec`

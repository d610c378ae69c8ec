"""One module a command: arguments in, a `Result` out, nothing printed."""

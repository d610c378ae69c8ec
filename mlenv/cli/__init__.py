"""The command line: the table of commands, the commands, and how their results are shown."""

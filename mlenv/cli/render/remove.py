"""Text of `mlenv remove`."""

from mlenv.cli.render.add import lines as lines

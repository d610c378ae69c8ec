"""What went."""

from mlenv.cli.render.add import lines as lines

"""What went."""

from mlenv.render.add import lines as lines

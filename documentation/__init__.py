"""The reference pages of the documentation, made from the tables in the code.

`uv run python -m documentation` writes them anew; a test names those that are out of date. Nothing
here ships with mlenv.
"""

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
MAKE = "uv run python -m documentation"

"""The same examples on every run, and none kept between runs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("mlenv", derandomize=True, database=None, deadline=None)
settings.load_profile("mlenv")

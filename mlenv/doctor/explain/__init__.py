"""Explain a log: which known error is in it, why it happens and what to do."""

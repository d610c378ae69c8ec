"""Environments on disk: preflight, generations and the switch between them."""

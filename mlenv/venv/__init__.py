"""Environments on disk: generations, the switch between them, and the links inside."""

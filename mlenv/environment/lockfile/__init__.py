"""Profiles and the lock files that are made from them."""

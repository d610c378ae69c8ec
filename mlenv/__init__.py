"""mlenv: provision, diagnose and run a shared GPU environment for speech."""

__version__ = "0.1.0"

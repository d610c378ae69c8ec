"""Compare versions as Python packages number them (PEP 440)."""

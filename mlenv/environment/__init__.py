"""The environment: what it holds, how it is built, and how programs start in it."""

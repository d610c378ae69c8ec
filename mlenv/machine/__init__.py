"""The computer: system, driver, GPUs, memory, caches, and child processes with a time limit."""

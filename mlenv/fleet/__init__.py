"""Many machines: the same environment and the same work on each of them."""

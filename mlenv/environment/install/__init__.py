"""From a profile and its lock to an active generation, and from that to another."""

"""Many machines: their snapshots judged together."""

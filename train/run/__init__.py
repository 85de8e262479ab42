"""The folder of a run: its lock, checkpoints and files, and how a run is stopped."""

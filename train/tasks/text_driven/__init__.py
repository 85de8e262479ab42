"""Metrics and baseline of talking from text, for the task of TAEM."""

"""Ablations of lip reading."""

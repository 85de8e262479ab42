"""Faster equivalents of layers, for networks that are not trained any more."""

"""Lip codes of LipWarp: how well audio predicts them."""

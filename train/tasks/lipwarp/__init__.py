"""Tasks of LipWarp: first the editor with its lip codes, then codes from audio."""

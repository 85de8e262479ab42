"""Ablation studies, whose tables are on the results pages of the documentation.

Each module but `results` is a command: `python -m avjax.train.ablations.NAME --help`.
The package is not part of the wheel.
"""

"""Names of the files in the folder of a run. JAX is not imported."""

import pathlib

RUNS = pathlib.Path("runs")  # folder of the folders of runs
EXPERIMENT_FILE = "experiment.json"
METRICS_FILE = "metrics.jsonl"
ENVIRONMENT_FILE = "environment.json"
IMAGES = "images"  # folder of the images of evaluations

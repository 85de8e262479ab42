"""One module per command: it loads weights, runs them and returns a result object."""

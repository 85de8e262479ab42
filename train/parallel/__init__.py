"""Training on several devices: where arrays live, and when they are gathered."""

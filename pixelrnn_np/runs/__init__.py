"""A training run's folder: what is written there, how it goes on, and where it came from. Not the
paper."""

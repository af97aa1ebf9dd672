"""The long tests, run from the repository's root: `python -m tests.soak.run`, or `make soak`."""

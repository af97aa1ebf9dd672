"""Shares of a batch: among threads of one process (threads.py), among MPI ranks (ranks.py). Not the
paper: both change speed and not one bit of the result."""

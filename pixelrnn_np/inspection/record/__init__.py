"""`record(model, x)`: every tensor of a forward and a backward pass, by name."""

from .network import record
from .tape import Record

__all__ = ["Record", "record"]

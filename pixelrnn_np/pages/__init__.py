"""Pages that open in a browser without a server or a network: one file, all that they need in it."""

from .drawing import drawing_page
from .recording import recording_page

__all__ = ["drawing_page", "recording_page"]

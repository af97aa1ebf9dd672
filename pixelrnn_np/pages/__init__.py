"""Pages that open in a browser: one file with all that they need, no server, no network."""

from .drawing import drawing_page
from .recording import recording_page

__all__ = ["drawing_page", "recording_page"]

"""`python -m pixelrnn_np`; the same as the command `pixelrnn`."""

from .cli.app import main

main()

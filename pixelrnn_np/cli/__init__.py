"""The command line: `python -m pixelrnn_np`, or `pixelrnn` where it is installed. Not the paper."""

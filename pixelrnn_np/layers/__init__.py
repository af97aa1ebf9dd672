"""One file per section of the paper; a layer is a forward and a backward."""

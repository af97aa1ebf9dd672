"""One file per section of the paper; a layer is a forward, a backward and a step."""

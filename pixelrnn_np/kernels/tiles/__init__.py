"""Matrix products held in registers: multiply.py has what the kernels call, columns.py one tile,
emitter.py the instructions that Numba does not write by itself."""

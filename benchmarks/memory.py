"""Peak memory of training the 256-way softmax on 32×32×3 images, batch 16, h = 32.

    python benchmarks/memory.py [--model diagonal_bilstm] [--layers 12]

Three updates on random images in this process; prints the largest resident size the operating
system saw, interpreter and compiled kernels included.
"""

import argparse
import resource

import numpy as np

import pixelrnn_np as pr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="diagonal_bilstm")
    parser.add_argument("--layers", type=int, default=12)
    options = parser.parse_args()
    model = pr.build_model(options.model, (32, 32, 3), 256, h=32, layers=options.layers, head=128)
    trainer = pr.Trainer(model)
    x = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3)).astype(np.uint8)
    for _ in range(3):
        trainer.step(x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{options.model}, {options.layers} layers: peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()

"""One contender of bench.py in a process of its own; not to be called by hand.

Reads commands from standard input, one JSON object a line, and answers each with one line. Between
two commands it waits for input, so that no thread of it disturbs the contender whose turn it is.

    setup   builds a model ("ours", an optimiser, a PyTorch variant, "jax") or matrix products
            ("matmul")
    check   writes the loss and all gradients of a batch to a file
    turn    makes steps; the seconds of each, by the clock and of the processor, and the largest
            resident memory meanwhile
"""

import json
import os
import resource
import sys
import time

import numpy as np


def resident(key):
    """MiB of the process: key "VmRSS" (now) or "VmHWM" (at most, since `forget_peak`)."""
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(key)) / 2**10
    except (OSError, StopIteration):
        scale = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass  # the peak then includes what was needed to build and compile


class Ours:
    """This project's Trainer: with Adam as "ours", or with the optimiser that the variant names."""

    def __init__(self, config, params, images, threads, variant):
        import pixelrnn_np as pr

        self.model = pr.build_model(**config)
        for name, array in self.model.params.items():
            array[...] = params[name]
        self.x, self.threads = images, threads
        optimizer = "adam" if variant == "ours" else variant
        self.trainer = pr.Trainer(self.model, optimizer, threads=threads)

    def check(self):
        return self.model.loss_and_grads(self.x, self.threads)

    def step(self):
        self.trainer.step(self.x)


class Torch:
    """One of the PyTorch variants."""

    def __init__(self, config, params, images, threads, variant):
        import torch
        from peers import Peer

        torch.set_num_threads(threads)
        self.peer = Peer(variant, config, params)
        self.x, self.images = images, self.peer.images(images)

    def check(self):
        return self.peer.loss_and_grads(self.x)

    def step(self):
        self.peer.step(self.images)


class Jax:
    """The peer in JAX, which takes as many threads as it may use processors."""

    def __init__(self, config, params, images, threads, variant):
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        from peers_jax import Peer

        self.peer = Peer(config, params)
        self.x, self.images = images, self.peer.images(images)

    def check(self):
        return self.peer.loss_and_grads(self.x)

    def step(self):
        self.peer.step(self.images)


class Matmul:
    """The machine's float32 matrix-product peak: NumPy's BLAS on square matrices."""

    sizes = (1024, 2048)

    def __init__(self, config, params, images, threads, variant):
        from threadpoolctl import ThreadpoolController

        self.blas = ThreadpoolController()
        self.threads = threads
        rng = np.random.default_rng(0)
        self.pairs = [rng.standard_normal((2, n, n)).astype(np.float32) for n in self.sizes]
        self.outs = [np.empty_like(pair[0]) for pair in self.pairs]

    def best_gflops(self, repeats=4):
        best = 0.0
        with self.blas.limit(limits=self.threads, user_api="blas"):
            for (a, b), out in zip(self.pairs, self.outs, strict=True):
                for _ in range(repeats):
                    start = time.perf_counter()
                    np.dot(a, b, out=out)
                    best = max(best, 2e-9 * len(a) ** 3 / (time.perf_counter() - start))
        return best


KINDS = dict.fromkeys(("ours", "rmsprop", "adam", "soap"), Ours) | {"matmul": Matmul, "jax": Jax}


def setup(command):
    params, images = None, None
    if command.get("arrays"):
        with np.load(command["arrays"]) as arrays:
            params = {name: arrays[name] for name in arrays.files if name != "images"}
            images = arrays["images"]
    variant = command["variant"]
    made = KINDS.get(variant, Torch)(
        command.get("config"), params, images, command["threads"], variant
    )
    return made, {"idle_mib": resident("VmRSS")}


def check(contender, command):
    start = time.perf_counter()
    loss, grads = contender.check()
    np.savez(command["out"], loss=loss, **grads)
    return {"seconds": time.perf_counter() - start}


def turn(contender, command):
    if isinstance(contender, Matmul):
        return {"gflops": contender.best_gflops()}
    for _ in range(command["warmup"]):
        contender.step()
    forget_peak()
    seconds, cpu_seconds = [], []
    for _ in range(command["steps"]):
        start, cpu_start = time.perf_counter(), time.process_time()
        contender.step()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": resident("VmHWM")}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be read as an answer
    contender = None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "setup":
            contender, answer = setup(command)
        else:
            answer = {"check": check, "turn": turn}[command["do"]](contender, command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

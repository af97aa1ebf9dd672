"""Start-up: what `pixelrnn sample` takes with no compiled kernels cached, and the next times.

Numba is given an empty folder for its cache, so that the user's own stays as it is.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pixelrnn_np as pr

ROOT = Path(__file__).resolve().parent.parent


def once(command, env):
    start = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
    return time.perf_counter() - start


def measure(name, layers, folder, tick=lambda what: None, again=3):
    """{"model", "first", "later": [...]}: seconds to draw 16 images in a new process."""
    folder = Path(folder)
    model = pr.build_model(name, (28, 28, 1), 2, h=16, layers=layers)
    path = folder / f"{name}.safetensors"
    model.save(path)
    parts = [str(ROOT), os.environ.get("PYTHONPATH")]
    env = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / f"numba-{name}"),
        "PYTHONPATH": os.pathsep.join(p for p in parts if p),
    }
    command = [sys.executable, "-m", "pixelrnn_np", "sample", str(path), "-n", "16"]
    command += ["-o", str(folder / "samples.png")]
    seconds = []
    for i in range(1 + again):
        tick(f"{name}: start {i + 1} of {1 + again}")
        seconds.append(once(command, env))
    return {"model": name, "first": seconds[0], "later": seconds[1:]}

"""The long tests: faults, hostile input, numbers, memory, ranks. Hours if asked for.

    python -m tests.soak.run                              # every theme, with its defaults
    python -m tests.soak.run faults --faults 200 --seed 1 # one theme, with its own options

A theme is a module THEME.py beside this file, which runs by itself as well. The exit code is 1 if
anything fails.
"""

import argparse
import subprocess
import sys
import time

THEMES = {
    "faults": "kills, a full disk, lost permission, damaged files: runs go on bit for bit",
    "fuzz": "mutated files and arguments: a clear error or a right result",
    "numbers": "extreme weights, too-high learning rates, threads: finite or a clear error",
    "memory": "memory of 200 and of 2,000 updates",
    "mpi": "several processes give the result of one",
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:<10}{text}" for name, text in THEMES.items()),
    )  # fmt: skip
    parser.add_argument("theme", nargs="?", choices=[*THEMES, "all"], default="all")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of the theme; try THEME --help")
    o = parser.parse_args()
    failed = []
    for name in THEMES if o.theme == "all" else [o.theme]:
        print(f"== {name}: {THEMES[name]}", flush=True)
        begun = time.monotonic()
        command = [sys.executable, "-m", f"{__spec__.parent}.{name}", *o.options]
        done = subprocess.run(command, check=False)
        print(f"== {name}: {'failed' if done.returncode else 'passed'} "
              f"after {(time.monotonic() - begun) / 60:.1f} minutes\n", flush=True)  # fmt: skip
        failed += [name] if done.returncode else []
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

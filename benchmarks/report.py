"""Tables from the figures of bench.py, and how far the figures can be trusted."""

import statistics

NOISY = 0.10  # a spread between rounds above which the run is called noisy
START, END = "<!-- bench:start -->", "<!-- bench:end -->"
PEERS = ("usual", "well", "compiled", "jax")
TITLES = {
    "pixelcnn": "PixelCNN",
    "row_lstm": "Row LSTM",
    "diagonal_bilstm": "Diagonal BiLSTM",
}


def peak_summary(gflops):
    """{threads: {"best", "median", "rounds"}} from {threads: [GFLOP/s of each round]}."""
    return {
        n: {"best": max(rounds), "median": statistics.median(rounds), "rounds": rounds}
        for n, rounds in gflops.items()
    }


def add_shares(result, threads):
    """Puts each contender's share of the matrix-product peak (median of the run) into the steps."""
    for step in result["steps"]:
        for name, found in step["contenders"].items():
            peak = result["peak"]["1" if "1 thread" in name else threads]["median"]
            found["share_of_peak"] = found["gflops"] / peak


def spread(low, high, median):
    return (high - low) / median


def noise(result):
    """{"ours", "peak"}: the typical and the peak's spread between rounds, relative; "noisy"."""
    own = [s["contenders"]["ours"] for s in result["steps"]]
    ours = statistics.median(spread(c["low"], c["high"], c["median"]) for c in own)
    rounds = next(iter(result["peak"].values()))["rounds"]
    tenth = statistics.quantiles(rounds, n=10) if len(rounds) > 1 else [rounds[0]] * 9
    peak = spread(tenth[0], tenth[-1], statistics.median(rounds))
    return {"ours": ours, "peak": peak, "noisy": max(ours, peak) > NOISY}


def table(head, rows):
    """A Markdown table; cells are strings."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def span(s, digits=2):
    return f"{s['median']:.{digits}f} ({s['low']:.{digits}f} to {s['high']:.{digits}f})"


def ours(step):
    """Milliseconds of this project's step, with the range of its rounds."""
    found = step["contenders"]["ours"]
    return f"{number(found['median'])} ({number(found['low'])} to {number(found['high'])})"


def peer(step, name):
    """Milliseconds of another's step, or why there are none."""
    if name in step["contenders"]:
        return number(step["contenders"][name]["median"])
    return "did not compile" if name in step["failures"] else "–"


def case(step):
    return [TITLES[step["model"]], str(step["h"]), str(step["batch"])]


def steps_table(steps):
    head = ["model", "h", "batch", "here, ms", "PyTorch usual", "PyTorch well", "torch.compile",
            "JAX", "best PyTorch / here", "JAX / here"]  # fmt: skip
    rows = [
        [*case(s), ours(s), *(peer(s, name) for name in PEERS), span(s["ratio"], 1),
         span(s["jax_ratio"], 1) if "jax_ratio" in s else "–"]
        for s in steps
    ]  # fmt: skip
    return table(head, rows)


def machine_table(steps):
    head = ["model", "h", "batch", "images/s", "multiply-adds", "GFLOP/s", "share of peak",
            "best PyTorch's share", "peak memory, MiB", "best PyTorch's, MiB",
            "one thread / all"]  # fmt: skip
    rows = []
    for s in steps:
        here, best = s["contenders"]["ours"], s["contenders"][s["best_torch"]]
        rows.append(
            [
                *case(s), number(here["images_per_s"]), f"{s['macs'] / 1e9:.2f} G",
                number(here["gflops"]), f"{here['share_of_peak']:.0%}",
                f"{best['share_of_peak']:.0%}", number(here["peak_mib"]),
                number(best["peak_mib"]), span(s["threads_ratio"]),
            ]
        )  # fmt: skip
    return table(head, rows)


def growth_table(growth, key, unit):
    labels = list(growth[0][key])
    head = ["model"] + [f"{label}, {unit}" for label in labels] + ["last against first"]
    rows = []
    for g in growth:
        found = g[key]
        cells = [number(found[label]["per"]["median"]) for label in labels]
        rows.append([TITLES[g["model"]], *cells, span(found[labels[-1]]["against_first"])])
    return table(head, rows)


def startup_table(startup):
    rows = [
        [TITLES[s["model"]], f"{s['first']:.1f}", f"{statistics.median(s['later']):.2f}"]
        for s in startup
    ]
    return table(["`sample`, 16 images", "first start, s", "later starts, s"], rows)


def compile_lines(steps):
    done = [
        f"{s['model']} h = {s['h']} batch {s['batch']}: "
        f"{s['contenders']['compiled']['compile_s']:.0f} s"
        for s in steps
        if "compiled" in s["contenders"]
    ]
    failed = [
        f"{s['model']} h = {s['h']} batch {s['batch']}: {s['failures']['compiled'].splitlines()[0]}"
        for s in steps
        if "compiled" in s["failures"]
    ]
    lines = []
    if done:
        lines.append(
            "torch.compile took, the first step included (less where its cache had the code): "
            f"{'; '.join(done)}."
        )
    if failed:
        lines.append(f"It did not compile: {'; '.join(failed)}.")
    return lines


def noise_lines(result):
    n = result["noise"]
    peaks = "; ".join(
        f"{name} thread{'s' if name != '1' else ''}: median {p['median']:.0f}, best "
        f"{p['best']:.0f} GFLOP/s over {len(p['rounds'])} rounds"
        for name, p in result["peak"].items()
    )
    lines = [
        f"Matrix-product peak in float32: {peaks}. Between rounds our own times spread by "
        f"{n['ours']:.0%}, the peak (its middle 80 %) by {n['peak']:.0%}."
    ]
    if n["noisy"]:
        lines.append(
            "**A noisy run**: other work, or a varying clock, changed the machine's speed by more "
            f"than {NOISY:.0%}; trust the ratios and their ranges rather than the times."
        )
    return lines


def about(result):
    m = result["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items() if v)
    narrow = ", held to AVX2" if result.get("options", {}).get("vector_bits") == 256 else ""
    return f"{m['cpu']}{narrow}, {m['threads']} threads, {m['date']}; {versions}."


def markdown(result):
    """All tables of a result."""
    steps = result["steps"]
    parts = [
        about(result), "\n".join(noise_lines(result)),
        f"One training step, 28×28 binary images, {steps[0]['layers']} layers: median, and the "
        "range of the rounds' medians.",
        steps_table(steps), "\n".join(compile_lines(steps)), machine_table(steps),
    ]  # fmt: skip
    if "growth" in result:
        growth = result["growth"]
        parts += [
            "h = 16, time per image by batch, and per pixel by image size:",
            growth_table(growth, "batches", "µs an image"),
            growth_table(growth, "sizes", "ns a pixel"),
            startup_table(result["startup"]),
        ]
    return "\n\n".join(p for p in parts if p)


def summary(result):
    """A row for each model at batch 16 and h = 16: README.md's."""
    head = ["model", "here, ms", "best PyTorch, ms", "times as fast", "JAX, ms", "times as fast"]
    rows = []
    for s in (s for s in result["steps"] if (s["h"], s["batch"]) == (16, 16)):
        here, best = s["contenders"]["ours"], s["contenders"][s["best_torch"]]
        rows.append(
            [
                TITLES[s["model"]], number(here["median"]),
                f"{number(best['median'])} ({s['best_torch']})",
                f"{s['ratio']['median']:.1f}",
                peer(s, "jax"), f"{s['jax_ratio']['median']:.1f}" if "jax_ratio" in s else "–",
            ]
        )  # fmt: skip
    return table(head, rows)


def write_between_markers(path, text):
    """Replaces what stands between the markers of a file. Raises ValueError if it has none."""
    before, start, rest = path.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{path} has no lines {START} and {END}")
    path.write_text(f"{before}{START}\n{text}\n{END}{after}")

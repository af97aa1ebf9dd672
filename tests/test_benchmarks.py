"""The benchmark's own parts: its counts, its tables, and that its opponents compute the same."""

import importlib
import json
import os
from pathlib import Path

import bench
import breakdown
import compare
import compile_times
import flops
import machine
import numpy as np
import optimisers
import pytest
import race
import report
import update_share
from exactness import prepare

import pixelrnn_np as pr

MODELS = ("pixelcnn", "row_lstm", "diagonal_bilstm")


def small(name, shape=(4, 5, 1), levels=2, dtype="float64", **options):
    return pr.build_model(name, shape, levels, h=6, layers=2, head=7, dtype=dtype, **options)


def unmasked(layer):
    """Weights that the masks of a layer and of the layers in it leave; biases are no products."""
    count = 0
    for name, array in layer.own.items():
        if name in ("K", "K_is"):
            count += int(layer.mask.sum())
        elif name == "K_ss":
            count += array.size
    return count + sum(unmasked(child) for child in layer.children.values())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("shape", "levels"), [((4, 5, 1), 2), ((3, 4, 3), 5)])
@pytest.mark.parametrize("skip", [True, False])
def test_multiply_adds_are_the_unmasked_weights_per_pixel(name, shape, levels, skip):
    model = small(name, shape, levels, skip=skip)
    pixels = shape[0] * shape[1]
    weights = unmasked(model)
    assert flops.forward_macs(model.config) == pixels * weights
    first = int(model.first.mask.sum())
    assert flops.step_macs(model.config) == pixels * (3 * weights - first)


def test_layers_of_the_count_are_layers_of_the_model():
    for name in MODELS:
        params = small(name).params
        for path in flops.by_layer(small(name).config):
            assert any(key.startswith(path + ".") for key in params), path


def fake(median, spread=0.01):
    rounds = [median * (1 - spread), median, median * (1 + spread)]
    return race.summary([[1e-3 * r] for r in rounds])


def fake_result(spread=0.01, **more):
    times = {"ours": 20, "ours, 1 thread": 38, "usual": 400, "well": 150} | more
    contenders = {
        name: fake(ms, spread)
        | {"images_per_s": 16e3 / ms, "gflops": 2e3 / ms, "peak_mib": 300, "idle_mib": 100}
        for name, ms in times.items()
    }
    step = {
        "model": "row_lstm", "h": 16, "layers": 7, "batch": 16, "macs": 10**9,
        "contenders": contenders, "failures": {"compiled": "row_lstm: no answer within 180 s\nx"},
        "best_torch": "well", "ratio": race.ratios(contenders["well"], contenders["ours"]),
        "threads_ratio": race.ratios(contenders["ours, 1 thread"], contenders["ours"]),
    }  # fmt: skip
    grown = {
        f"{b} images": fake(b) | {"per": {"median": 1000.0}, "against_first": {
            "median": 1.0, "low": 0.9, "high": 1.1}}
        for b in (16, 64)
    }  # fmt: skip
    return {
        "machine": {"cpu": "A", "threads": 2, "date": "today", "versions": {"numpy": "2"}},
        "steps": [step], "peak": report.peak_summary({"2": [100, 200, 190], "1": [99, 100, 101]}),
        "growth": [{"model": "row_lstm", "batches": grown, "sizes": grown}],
        "startup": [{"model": "row_lstm", "first": 31.0, "later": [1.5, 1.4, 1.6]}],
    }  # fmt: skip


def test_summaries():
    s = race.summary([[0.010, 0.012, 0.011], [0.020]])
    assert s["median"] == pytest.approx(11.5)
    assert (s["low"], s["high"]) == (pytest.approx(11), pytest.approx(20))
    assert race.ratios(fake(100), fake(20)) == pytest.approx({"median": 5, "low": 5, "high": 5})


def test_tables():
    result = fake_result()
    report.add_shares(result, "2")
    result["noise"] = report.noise(result)
    ours = result["steps"][0]["contenders"]
    assert ours["ours"]["share_of_peak"] == pytest.approx(100 / 190)
    assert ours["ours, 1 thread"]["share_of_peak"] == pytest.approx(2e3 / 38 / 100)
    text = report.markdown(result)
    assert "| Row LSTM | 16 | 16 | 20 (19.8 to 20.2) | 400 | 150 | did not compile | – |" in text
    assert "| did not compile | – | 7.5 (7.5 to 7.5) | – |" in text
    assert "It did not compile: row_lstm h = 16 batch 16: row_lstm: no answer within 180 s." in text
    assert "| Row LSTM | 31.0 | 1.50 |" in text
    for block in text.split("\n\n"):
        widths = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(widths) <= 1, block


def test_jax_has_columns_of_its_own():
    """The ratio to the best PyTorch stays what it says."""
    result = fake_result(jax=100)
    found = result["steps"][0]["contenders"]
    result["steps"][0]["jax_ratio"] = race.ratios(found["jax"], found["ours"])
    report.add_shares(result, "2")
    result["noise"] = report.noise(result)
    result["options"] = {"vector_bits": 256}
    row = "| 100 | 7.5 (7.5 to 7.5) | 5.0 (5.0 to 5.0) |"
    assert row in report.markdown(result)
    assert report.markdown(result).startswith("A, held to AVX2, 2 threads")
    assert "| 150 (well) | 7.5 | 100 | 5.0 |" in report.summary(result)


def test_a_run_held_to_avx2_leaves_the_figures_of_the_others(monkeypatch):
    options = bench.arguments(["--vector-bits", "256"])
    assert options.no_readme and options.no_compile and options.json is None
    assert bench.arguments([]).json.name == "results.json"
    for name in machine.NARROW:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("XLA_FLAGS", "--xla_one")
    machine.hold_to_avx2()
    assert os.environ["XLA_FLAGS"] == "--xla_one --xla_cpu_max_isa=AVX2"
    assert os.environ["PIXELRNN_VECTOR_BITS"] == "256"


def test_without_jax_the_bench_says_so_and_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: name == "torch" or None)
    monkeypatch.setattr(bench, "run", lambda options: {"jax": options.jax})
    monkeypatch.setattr(bench.report, "markdown", str)
    monkeypatch.setattr("sys.argv", ["bench.py", "--quick"])
    bench.main()
    found = capsys.readouterr()
    assert found.out == "{'jax': False}\n"
    assert found.err.startswith("bench: JAX is left out") and found.err.count("\n") == 1


def test_an_optimizers_share_of_a_step():
    seconds = update_share.measure("pixelcnn", 1, 1, "soap", 20, side=4)
    assert seconds.shape == (4, 20) and (seconds >= 0).all() and (seconds[1] < seconds[0]).all()
    step, update = np.full(20, 0.010), np.full(20, 0.001)
    update[[3, 15]] = 0.002
    cells = update_share.row("pixelcnn", 7, 2, np.array([step, update, 2 * step, update]))
    assert cells == ["pixelcnn", "7", "2", "10.00", "1.00", "2.00", "11.0%", "5.5%"]


def test_a_noisy_run_says_so():
    for spread, noisy in ((0.01, False), (0.2, True)):
        result = fake_result(spread)
        result["peak"] = report.peak_summary({"2": [200, 200, 200]})
        result["noise"] = report.noise(result)
        assert result["noise"]["noisy"] is noisy
        assert ("A noisy run" in "\n".join(report.noise_lines(result))) is noisy


def test_only_what_is_between_the_markers_changes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{report.START}\nold\n{report.END}\nafter\n")
    report.write_between_markers(path, "new")
    assert path.read_text() == f"before\n{report.START}\nnew\n{report.END}\nafter\n"
    path.write_text("no markers")
    with pytest.raises(ValueError, match="no lines"):
        report.write_between_markers(path, "new")


def test_readme_has_the_markers():
    text = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    assert text.index(report.START) < text.index(report.END)


def test_slow_contenders_get_fewer_steps_and_rounds():
    class Slow:
        estimate = 10.0

    class Quick:
        estimate = 0.02

    assert race.plan(Slow.estimate) == (1, 0)
    assert race.plan(Quick.estimate) == (30, 2)
    assert race.rounds_within([Slow, Quick], 5, 75) == 5
    assert race.rounds_within([Slow, Slow, Slow], 5, 75) == 3
    assert race.rounds_within([Quick], 2, 75) == 2


@pytest.mark.parametrize("name", MODELS)
def test_the_breakdown_has_all_multiply_adds_and_leaves_no_trace(name):
    model = small(name, dtype="float32")
    x = np.zeros((2, 4, 5, 1), np.uint8)
    before = model.loss_and_grads(x, threads=1)
    clock = breakdown.Clock()
    with breakdown.instrumented(model, clock):
        step = clock.timed(model.loss_and_grads, lambda outer: (*breakdown.OUTSIDE, breakdown.OWN))
        loss, _ = step(x, threads=1)
    assert loss == pytest.approx(before[0])  # in one call sums have another order
    assert not {"forward", "backward"} & set(vars(model.first))
    seen = clock.found.copy()
    model.loss_and_grads(x, threads=1)
    assert clock.found == seen
    rows = breakdown.rows_of(clock.found, model.config, pixels=40, steps=1)
    groups = {(r["layer"], r["phase"]): r["macs"] for r in rows}
    assert sum(groups.values()) == 2 * flops.step_macs(model.config)
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    assert {r["kernel"] for r in rows} > {breakdown.OWN}
    profile = {"model": name, "h": 6, "layers": 2, "batch": 2, "threads": 1, "step_ms": 1.0,
               "whole": 0.5, "peak": 100.0, "rows": rows}  # fmt: skip
    assert "| layer | pass |" in breakdown.markdown(profile)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(4, 7, 1), (6, 3, 1), (1, 4, 1), (4, 1, 1)])
@pytest.mark.parametrize("peers", ["peers", "peers_jax"])
def test_peers_compute_what_this_project_computes(peers, name, shape, rng):
    """In float64, on images taller than wide and wider than tall, with every parameter non-zero."""
    library = {"peers": "torch", "peers_jax": "optax"}[peers]
    pytest.importorskip(library, reason="an opponent of the benchmark, not a requirement")
    peers = importlib.import_module(peers)
    model = small(name, shape)
    for array in model.params.values():
        array += 0.1 * rng.standard_normal(array.shape)
    x = (rng.random((3, *shape)) < 0.3).astype(np.uint8)
    loss, grads = model.loss_and_grads(x)
    trainer = pr.Trainer(model, "adam", lr=peers.LR, clip=peers.CLIP)
    params = {k: a.copy() for k, a in model.params.items()}
    losses = [trainer.step(x) for _ in range(3)]
    for variant in (["usual"], ["well"]) if library == "torch" else ([],):
        peer = peers.Peer(*variant, model.config, params)
        found, theirs = peer.loss_and_grads(x)
        assert found == pytest.approx(loss, rel=1e-12)
        assert set(theirs) == set(grads)
        for key, g in grads.items():
            np.testing.assert_allclose(theirs[key], g, rtol=1e-9, atol=1e-12, err_msg=key)
        images = peer.images(x)
        np.testing.assert_allclose([peer.step(images) for _ in range(3)], losses, rtol=1e-9)


def test_minutes_to_a_goal():
    minutes, nats = [10, 20, 30], [85.0, 83.0, 82.5]
    assert optimisers.reached(minutes, nats, 84) == 15
    assert optimisers.reached(minutes, nats, 86) == 10
    assert optimisers.reached(minutes, nats, 82) is None


def test_curves_of_runs_and_their_table(tmp_path, monkeypatch):
    """A run's validation nats, with PyTorch's line from Adam's; what is added twice stands once."""
    monkeypatch.setattr(optimisers, "CURVES", tmp_path / "curves.json")
    optimisers.write({"curves": [], "seconds": {"pixelcnn 1×2": {"adam": 6, "well": 12}}})
    config = {
        "model": {"name": "pixelcnn", "layers": 1, "h": 2},
        "data": {"name": "binarized_mnist", "levels": 2}, "epochs": 2,
        "training": {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.0, "seed": 0},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "metrics.csv").write_text(
        "step,epoch,train,valid\n5,0,90,\n10,1,84,83.0\n20,2,81,81.0\n"
    )
    for _ in range(2):
        optimisers.add([tmp_path])
    (curve,) = optimisers.read()["curves"]
    assert curve["recipe"] == {"lr": 0.01} and curve["points"] == [[10, 83.0], [20, 81.0]]
    named = optimisers.timed(optimisers.read())
    assert named["pixelcnn"]["Adam, 1×2"] == ([1.0, 2.0], [83.0, 81.0])
    assert named["pixelcnn"]["PyTorch, Adam, 1×2"] == ([2.0, 4.0], [83.0, 81.0])
    assert "| PixelCNN | Adam, 1×2 | 2 | 2 |  | 81.00 after 2 |" in optimisers.table(named)
    config["data"]["name"] = "digits"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="binarized_mnist is asked for"):
        optimisers.add([tmp_path])


def test_kept_curves_are_of_the_paper_s_models():
    for curve in optimisers.read()["curves"]:
        assert curve["model"] in optimisers.TITLES and curve["optimizer"] in optimisers.OURS
        updates = [u for u, _ in curve["points"]]
        assert updates == sorted(set(updates)) and all(70 < v < 100 for _, v in curve["points"])


def started(update, **kernels):
    kernels = {"update": kernels, "sample": {"head_step": update / 10}}
    return {"update": update, "sample": update / 4, "kernels": kernels}


def test_compile_times_are_the_least_of_all_rounds_in_tables():
    before = compile_times.least([started(9, conv=4.0, outputs=2.0), started(8, conv=5.0)])
    assert (before["update"], before["kernels"]["update"]) == (8, {"conv": 4.0, "outputs": 2.0})
    found = {
        "pixelcnn": {"before": before, "now": started(4, conv=1.5, residual=0.5)},
        "row_lstm": {"before": started(6, row=2.0), "now": started(3, row=1.0)},
    }
    machine = {"cpu": "A", "date": "today", "versions": {"python": "3", "numba": "0"}}
    text = compile_times.markdown(found, machine, 2)
    for row in ("| pixelcnn | 8.0 → 4.0 | 2.0 → 1.0 |", "| `conv` | 4.0 → 1.5 |  |",
                "| `outputs` | 2.0 → – |  |", "| `row` |  | 2.0 → 1.0 |",
                "| `head_step` | 0.8 → 0.4 | 0.6 → 0.3 |"):  # fmt: skip
        assert row in text.splitlines()
    one = compile_times.markdown({"row_lstm": {"now": started(3, row=1.0)}}, machine, 1)
    assert "| row_lstm | 3.0 | 0.8 |" in one and "→" not in one


def test_compile_times_come_from_the_checkout_that_is_named(monkeypatch, tmp_path, capsys):
    """With what is measured put in its place: a first start takes as long as it says."""
    script = "print({json!r})"
    for package in (compile_times.HERE.parent, tmp_path):
        answer = started(1, conv=0.5) | {"package": str(package / "pixelrnn_np/__init__.py")}
        fake = tmp_path / "fake.py"
        fake.write_text(script.format(json=compile_times.json.dumps(answer)))
        monkeypatch.setattr(compile_times, "FIRST_START", fake)
        if package == tmp_path:
            with pytest.raises(SystemExit, match="has no pixelrnn_np"):
                compile_times.first_start(compile_times.HERE.parent, "pixelcnn")
        else:
            found = compile_times.measure(["pixelcnn"], {"now": package}, 1)
            assert found["pixelcnn"]["now"]["kernels"]["update"] == {"conv": 0.5}
    with pytest.raises(SystemExit):
        compile_times.arguments(["--before", str(tmp_path)])
    assert "name a checkout" in capsys.readouterr().err


def test_a_first_start_says_which_kernels_it_compiled():
    numba = pytest.importorskip("numba")
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    import first_start

    @numba.njit
    def inside(x):
        return x + 1

    @numba.njit
    def outside(x):
        return inside(x) * 2

    heard = first_start.Outermost()
    with first_start.event.install_listener("numba:compile", heard):
        assert outside(3) == 8
    assert list(heard.seconds) == ["outside"] and heard.depth == 0


class Alternating:
    """A version whose steps take so long, in a world that becomes slower."""

    clock = 1.0

    def __init__(self, seconds, said):
        self.seconds, self.said = seconds, said

    def ask(self, do, steps, warmup):
        self.said.append(self)
        Alternating.clock *= 1.01
        return {"cpu_seconds": [self.seconds * Alternating.clock]}


def test_compared_steps_take_turns():
    said = []
    old, new = Alternating(0.1, said), Alternating(0.105, said)
    found = compare.summary(compare.pairs(old, new, 20))
    assert said[:4] == [new, old, old, new]
    assert found["ratio"] == pytest.approx(1.05, rel=2e-3)
    assert found["low"] <= found["ratio"] <= found["high"]
    assert "| 1.05" in compare.line("pixelcnn", found)


def test_a_version_is_compared_with_itself(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    options = compare.arguments(
        [str(compare.ROOT), "--pairs", "2", "--h", "1", "--layers", "1", "--batch", "1"]
    )
    monkeypatch.setattr(
        compare, "prepare",
        lambda *args: prepare(*args[:-1], args[-1], side=4),
    )  # fmt: skip
    found = compare.compare(compare.ROOT, "pixelcnn", options, tmp_path)
    assert found["old"] > 0 and found["new"] > 0

"""SOAP: equal to a plain twin, turns with the problem, and leaves alone what a mask closes."""

import numpy as np
import pytest
from small_trainer import build, images

import pixelrnn_np as pr
from pixelrnn_np.training import optim
from pixelrnn_np.training.optim import Adam, Soap, matrices
from pixelrnn_np.training.trainer import Trainer


def plain_soap(W, gradients, lr, every=10, beta1=0.95, beta2=0.99, s=0.99, eps=1e-8, turn=0):
    """The same for one matrix, step by step, as the docstring's formulas have it.

    turn: which of `every` updates is its turn to turn.
    """
    rows, cols = W.shape
    L, R, m, v = np.zeros((rows, rows)), np.zeros((cols, cols)), np.zeros_like(W), np.zeros_like(W)
    for t, G in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * G
        L, R = s * L + (1 - s) * G @ G.T, s * R + (1 - s) * G.T @ G
        if t == 1:
            Q_L, Q_R = (np.linalg.eigh(S)[1][:, ::-1] for S in (L, R))
        elif t <= every or (t - 1) % every == turn:
            for S, Q, axis in ((L, Q_L, 0), (R, Q_R, 1)):
                order = sorted(range(len(S)), key=lambda j: -Q[:, j] @ S @ Q[:, j])
                v = np.take(v, order, axis)
                Q[...] = np.linalg.qr(S @ Q[:, order])[0]
        v = beta2 * v + (1 - beta2) * (Q_L.T @ G @ Q_R) ** 2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        W = W - lr * Q_L @ ((Q_L.T @ m_hat @ Q_R) / (np.sqrt(v_hat) + eps)) @ Q_R.T
    return W


def places(rows, cols, n=1):
    return [np.arange(n * rows * cols).reshape(n, rows, cols)]


def run(optimizer, w, gradient, lr, steps):
    """The path of w (a matrix): w after each update."""
    flat, path = w.ravel().copy(), []
    for step in range(steps):
        optimizer.update(flat, gradient(flat.reshape(w.shape)).ravel(), lr, step)
        path.append(flat.reshape(w.shape).copy())
    return np.array(path)


def test_equal_to_the_plain_twin(rng):
    gradients = rng.standard_normal((35, 4, 4)) * np.array([1, 3, 0.1, 10])
    w = rng.standard_normal((4, 4))
    drawn = iter(gradients)
    path = run(Soap(16, "float64", places(4, 4)), w, lambda _: next(drawn), 0.01, 35)
    np.testing.assert_allclose(path[-1], plain_soap(w, gradients, 0.01), rtol=1e-6)


def test_matrices_of_one_shape_do_not_know_each_other(rng):
    gradients = rng.standard_normal((15, 2, 3, 3))
    w, both = rng.standard_normal((2, 3, 3)), iter(gradients)
    path = run(Soap(18, "float64", places(3, 3, 2)), w, lambda _: next(both), 0.01, 15)
    for i in range(2):
        np.testing.assert_allclose(path[-1][i], plain_soap(w[i], gradients[:, i], 0.01), rtol=1e-6)


def test_many_matrices_take_turns(rng, monkeypatch):
    """Each is the plain twin whose bases turn at its own updates."""
    monkeypatch.setattr(optim, "SMALLEST_TURN", 1)
    shapes = [(3, 4, 4), (2, 2, 2), (1, 3, 3)]  # square: otherwise a basis is not unique
    sizes = [n * rows * cols for n, rows, cols in shapes]
    parts = np.split(rng.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    found = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    gradients, w = rng.standard_normal((37, sum(sizes))), rng.standard_normal(sum(sizes))
    drawn, soap = iter(gradients), Soap(sum(sizes), "float64", found)
    end = run(soap, w, lambda _: next(drawn), 0.01, 37)[-1]
    whose = [
        [turn for turn in range(10) for _ in range(n)[own[turn]]]
        for own, (n, _, _) in zip(soap.turns, shapes, strict=True)
    ]
    assert list(map(len, whose)) == [3, 2, 1] and len({t for own in whose for t in own}) > 3
    for place, turns in zip(found, whose, strict=True):
        for p, turn in zip(place, turns, strict=True):
            expected = plain_soap(w[p], gradients[:, p], 0.01, turn=turn)
            np.testing.assert_allclose(end[p], expected, rtol=1e-6)


def test_no_update_turns_much_more_than_its_share():
    model = pr.build_model("pixelcnn", layers=15)
    shapes = [place.shape for place in matrices(model)]
    found, work = optim.turns(shapes, 10), np.zeros(10)
    for (n, rows, cols), own in zip(shapes, found, strict=True):
        assert sum(len(range(n)[part]) for part in own) == n
        work += [len(range(n)[part]) * (rows**3 + cols**3) for part in own]
    largest = max(rows**3 + cols**3 for _, rows, cols in shapes)
    assert work.max() <= work.mean() + largest
    few = optim.turns([(2, 9, 9)], 10)
    assert few[0][0] == slice(0, 2) and not any(range(2)[part] for part in few[0][1:])


def test_what_a_checkpoint_holds():
    """These names and shapes are in the files of trainings that go on."""
    model = pr.build_model("pixelcnn", layers=2)
    arrays = Trainer(model, "soap").state()[0]
    shapes = {k.rpartition(".")[2]: a.shape for k, a in arrays.items() if "optimizer" in k}
    assert shapes["m"] == shapes["v"] == model.flat.shape
    for i, (n, rows, cols) in enumerate(place.shape for place in matrices(model)):
        assert shapes.pop(f"L{i}") == shapes.pop(f"Q_L{i}") == (n, rows, rows)
        assert shapes.pop(f"R{i}") == shapes.pop(f"Q_R{i}") == (n, cols, cols)
    assert set(shapes) == {"m", "v"}


def test_what_is_no_matrix_gets_adams_update(rng):
    g, w = rng.standard_normal((20, 3)), rng.standard_normal(3)
    drawn, again = iter(g), iter(g)
    ours = run(Soap(3, "float64"), w, lambda _: next(drawn), 0.01, 20)
    adams = run(Adam(3, "float64", 0.95, 0.99), w, lambda _: next(again), 0.01, 20)
    np.testing.assert_allclose(ours, adams, rtol=1e-12)


def quadratic(rng, rows, cols, condition):
    """Gradient of ½ tr(Wᵀ A W B), A and B with eigenvalues from 1 to 1/condition, rotated."""
    A, B = (
        U @ np.diag(np.geomspace(1, 1 / condition, k)) @ U.T
        for k in (rows, cols)
        for U in [np.linalg.qr(rng.standard_normal((k, k)))[0]]
    )
    return (lambda W: A @ W @ B), (lambda W: 0.5 * np.trace(W.T @ A @ W @ B))


def test_a_quadratic_with_a_rotated_hessian_is_solved_where_adam_is_not(rng):
    gradient, loss = quadratic(rng, 6, 5, 1000)
    w = rng.standard_normal((6, 5))
    soap = run(Soap(30, "float64", places(6, 5)), w, gradient, 0.02, 300)[-1]
    adam = run(Adam(30, "float64"), w, gradient, 0.02, 300)[-1]
    assert loss(soap) < 1e-3 * loss(w)
    assert loss(soap) < 0.1 * loss(adam)


def test_a_rotated_problem_gives_the_rotated_path(rng):
    U, V = (np.linalg.qr(rng.standard_normal((k, k)))[0] for k in (4, 4))
    gradient, _ = quadratic(rng, 4, 4, 10)
    w = rng.standard_normal((4, 4))

    def turned(W):
        return U @ gradient(U.T @ W @ V) @ V.T

    def distance(build):
        straight = run(build(), w, gradient, 0.01, 40)
        rotated = run(build(), U @ w @ V.T, turned, 0.01, 40)
        return np.abs(U @ straight @ V.T - rotated).max()

    assert distance(lambda: Soap(16, "float64", places(4, 4))) < 1e-6
    assert distance(lambda: Adam(16, "float64")) > 0.01


@pytest.mark.parametrize("name", ["pixelcnn", "row_lstm", "diagonal_bilstm", "multi_scale"])
def test_what_a_mask_closes_is_in_no_matrix(name):
    model = pr.build_model(name, (4, 4, 3), 4, h=5, layers=2, head=6)
    found = matrices(model)
    places = np.concatenate([m.ravel() for m in found])
    assert len(np.unique(places)) == len(places)
    free = np.setdiff1d(np.arange(model.flat.size), places)
    masks, where = dict(model.masks()), model.unflatten(np.arange(model.flat.size))
    closed = [where[k][np.broadcast_to(mask == 0, where[k].shape)] for k, mask in masks.items()]
    vectors = [a.ravel() for k, a in where.items() if k.rpartition(".")[2] in ("h0", "c0")]
    assert len(np.concatenate(closed)) > 0
    assert set(free) == set(np.concatenate([*closed, *vectors]))


def test_masked_weights_do_not_move_and_do_not_matter():
    def trained(change):
        model = pr.build_model("row_lstm", (5, 5, 3), 4, h=5, layers=2, head=6, dtype="float64")
        closed = {k: np.broadcast_to(m == 0, model.params[k].shape) for k, m in model.masks()}
        for name, where in closed.items():
            model.params[name][where] += change
        before = {k: model.params[k][where].copy() for k, where in closed.items()}
        trainer = Trainer(model, "soap", 0.01)
        x = np.random.default_rng(0).integers(0, 4, (4, 5, 5, 3), dtype=np.uint8)
        losses = [trainer.step(x) for _ in range(12)]
        for name, where in closed.items():
            np.testing.assert_array_equal(model.params[name][where], before[name])
        return losses

    assert trained(0) == trained(7)


def test_threads_change_no_bit():
    def weights(threads):
        model = pr.build_model("diagonal_bilstm", (6, 6, 1), h=4, layers=2, seed=3)
        trainer = Trainer(model, "soap", 0.003, threads, weight_decay=0.1, dropout=0.2)
        rng = np.random.default_rng(1)
        for _ in range(12):
            trainer.step(rng.integers(0, 2, (80, 6, 6, 1), dtype=np.uint8))
        return model.flat.tobytes()

    assert weights(1) == weights(2) == weights(3)


@pytest.mark.parametrize("steps", [0, 1, 9, 10, 13])
def test_state_goes_on_bit_for_bit(monkeypatch, steps):
    """Also in the middle of the turns, of which there are several here."""
    monkeypatch.setattr(optim, "SMALLEST_TURN", 1)
    first, second = (Trainer(build(), "soap", dropout=0.3) for _ in range(2))
    assert sum(any(range(9)[own[t]] for own in first.optimizer.turns) for t in range(10)) > 1
    x = images(4)
    for _ in range(steps):
        first.step(x)
    second.model.flat[...] = first.model.flat
    arrays, meta = first.state()
    second.restore({k: a.copy() for k, a in arrays.items()}, meta)
    for _ in range(9):
        assert first.step(x) == second.step(x)
    assert first.model.flat.tobytes() == second.model.flat.tobytes()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 90)])
def test_thin_matrices_and_gradients_of_zero(rng, dtype, shape):
    """All is zero at first, for ever, or from some update on; the bases stay orthogonal."""
    for first, last in ((12, 30), (30, 30), (0, 3)):
        gradients = np.zeros((30, *shape), dtype)
        gradients[first:last] = rng.standard_normal((last - first, *shape))
        drawn, soap = iter(gradients), Soap(np.prod(shape), dtype, places(*shape))
        path = run(soap, np.zeros(shape, dtype), lambda _, drawn=drawn: next(drawn), 0.01, 30)
        assert np.isfinite(path).all() and (path[:first] == 0).all()
        for Q in (soap.arrays["Q_L0"][0], soap.arrays["Q_R0"][0]):
            np.testing.assert_allclose(Q.T @ Q, np.eye(len(Q)), atol=1e-5)


def test_the_update_runs_blas_on_one_thread(monkeypatch):
    """On two, its small products took three times as long, and the bits came to depend on them."""
    from pixelrnn_np.parallel.threads import _blas

    trainer, seen = Trainer(build(), "soap"), []
    update = trainer.optimizer.update

    def watched(*args):
        seen.extend(b["num_threads"] for b in _blas().info() if b["user_api"] == "blas")
        update(*args)

    monkeypatch.setattr(trainer.optimizer, "update", watched)
    trainer.step(images(4))
    assert seen and set(seen) == {1}

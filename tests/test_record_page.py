"""`record.to_html`: every step has its equation, and the page shows the record's numbers."""

import numpy as np
import pytest
from in_chromium import chromium, element, opened  # noqa: F401  fixtures

import pixelrnn_np as pr
from pixelrnn_np.inspection.checks import small_model
from pixelrnn_np.inspection.record.equations import SOFTMAX, equation, line_number
from pixelrnn_np.models import BASES
from pixelrnn_np.pages import recording

CASES = [(name, {}) for name in BASES] + [("multi_scale", {"base": base}) for base in BASES]


def a_record(name, options, rng, levels=2, shape=(4, 6, 1)):
    model = small_model(name, rng, shape, levels, **options)
    return pr.record(model, rng.integers(0, levels, (2, *shape)).astype(np.uint8))


@pytest.mark.parametrize("name, options", CASES)
def test_every_tensor_has_an_equation_and_a_line(name, options, rng):
    """The line is in the package; one that was rewritten has to be named anew."""
    record = a_record(name, options, rng)
    for full in (*record.forward, *record.backward):
        backward = full in record.backward
        text, file, line = equation(full[1:] if backward else full, backward)
        assert text, full
        assert line_number(file, line) > 1
    for text, file, line in (row[1:] for row in SOFTMAX.values()):
        assert text and line_number(file, line) > 1


def test_a_line_that_is_gone_is_an_error():
    with pytest.raises(ValueError, match="has no line"):
        line_number("reference/pointwise.py", "y = max(x, 0)")


@pytest.mark.parametrize(
    "tensor, backward, file, word",
    [
        ("blocks.3.lstm.l2r.z", False, "reference/diagonal_lstm.py", "K_ss[0]"),
        ("blocks.3.lstm.z", False, "reference/row_lstm.py", "K_is[t]"),
        ("networks.1.blocks.0", True, "reference/residual.py", "dy"),
        ("head.conv1", True, "reference/pointwise.py", "dy[i]"),
        ("head.relu1", True, "reference/masked_conv.py", "dx[n, row, column]"),
        ("z", True, "reference/pointwise.py", "dy[i]"),
    ],
)
def test_the_line_is_that_of_the_step(tensor, backward, file, word):
    _, found, line = equation(tensor, backward)
    assert found == file and word in line


@pytest.mark.parametrize("levels, shape", [(2, (4, 6, 1)), (4, (3, 4, 3))])
def test_the_page_steps_through_both_passes(levels, shape, rng, tmp_path, opened):  # noqa: F811
    record = a_record("diagonal_bilstm", {}, rng, levels, shape)
    record.to_html(tmp_path / "record.html")
    driver = opened((tmp_path / "record.html").read_text(encoding="utf-8"))
    steps = driver.execute_script("return pixelrnn.steps")
    assert len(steps) == len(record.forward) + len(record.backward)
    for key in ("blocks.0.lstm.l2r.o", "dblocks.0.lstm.l2r.o", "logits", "nats", "dx"):
        numbers = driver.execute_script(
            "return Array.from(pixelrnn.tensor(arguments[0]).numbers)", key
        )
        np.testing.assert_allclose(numbers, record[key][0].ravel(), rtol=1e-6, atol=1e-30)
    body = driver.find_element("css selector", "body")
    body.send_keys("\ue014\ue014")  # right, twice
    assert driver.execute_script("return pixelrnn.at()") == 2
    assert element(driver, "name").text.startswith("3 of")
    body.send_keys("\ue010")  # end: the gradient of the image
    assert element(driver, "name").text.startswith(f"{len(steps)} of {len(steps)}: dx")
    assert "masked_conv.py, line" in element(driver, "file").text
    assert element(driver, "readout").text.startswith("Row ")


@pytest.mark.parametrize("name, options", CASES)
def test_every_step_of_every_model_shows(name, options, rng, tmp_path, opened):  # noqa: F811
    a_record(name, options, rng).to_html(tmp_path / "record.html")
    driver = opened((tmp_path / "record.html").read_text(encoding="utf-8"))
    said = driver.execute_script(
        "return pixelrnn.steps.map((step, k) => { pixelrnn.go(k); return ['equation', 'readout']"
        ".map(id => document.getElementById(id).textContent); })"
    )
    assert len(said) > 20
    assert all(text and "undefined" not in numbers for text, numbers in said)


def test_foreign_text_is_text(opened):  # noqa: F811
    hostile = "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>{{data}}"
    step = dict.fromkeys(("name", "how", "equation", "file", "line"), hostile)
    value = np.ones((2, 2, 1))
    step |= {"backward": False, "number": 1, "gradient": value, "value": value}
    driver = opened(recording.recording_page([step], 1.0))
    assert driver.execute_script("return window.hit ?? null") is None
    assert not driver.find_elements("css selector", "img")
    assert element(driver, "equation").text == hostile


def test_numbers_that_are_none_have_a_colour(opened):  # noqa: F811
    """Of a tensor that overflowed, the rest is still to be seen."""
    step = {"name": "z", "backward": False, "how": "", "equation": "z = x", "file": "", "line": "",
            "number": 0, "gradient": None}  # fmt: skip
    value = np.array([np.nan, np.inf, 2.0, -1.0]).reshape(2, 2, 1)
    driver = opened(recording.recording_page([{**step, "value": value}], 1.0))
    assert "2×2×1, up to ±2" in element(driver, "value-said").text
    colours = driver.execute_script(
        "const c = document.querySelector('#value canvas').getContext('2d');"
        "return [0, 1, 2, 3].map(k => [...c.getImageData(k % 2, k >> 1, 1, 1).data].join())"
    )
    assert colours[0] == colours[1] and len(set(colours)) == 3


def test_weights_that_are_not_finite_are_said(rng):
    model = small_model("row_lstm", rng, (3, 3, 1), 2)
    model.flat[...] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        pr.record(model, np.zeros((1, 3, 3, 1), np.uint8))


def test_a_part_of_a_record_has_a_page(rng, tmp_path):
    record = a_record("row_lstm", {}, rng).under("blocks.0.lstm")
    record.to_html(tmp_path / "part.html")
    assert "blocks.0.lstm.o" in (tmp_path / "part.html").read_text(encoding="utf-8")


def test_what_cannot_be_written_is_refused(rng, tmp_path, monkeypatch):
    record = a_record("row_lstm", {}, rng)
    with pytest.raises(ValueError, match=r"ends in \.html"):
        record.to_html(tmp_path / "record.txt")
    with pytest.raises(OSError, match="does not exist"):
        record.to_html(tmp_path / "nowhere" / "record.html")
    monkeypatch.setattr(recording, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r'record\.under\("blocks\.0"\)'):
        record.to_html(tmp_path / "record.html")
    assert not list(tmp_path.iterdir())

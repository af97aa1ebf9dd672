"""docs/training.md: the loop that it prints does what `fit` does, bit for bit."""

import re
from pathlib import Path

import pixelrnn_np as pr

PAGE = Path(__file__).parent.parent / "docs" / "training.md"


def test_the_printed_loop_equals_fit():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    body = code.split("import pixelrnn_np as pr\n")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 25
    plain = {}
    exec(code, plain)
    model = pr.build_model("row_lstm", (8, 8, 1), levels=17, h=8, layers=2)
    trainer = pr.Trainer(model, "adam", 3e-3, ema=0.995)
    trainer.fit(plain["train"], epochs=2, progress=False)
    assert trainer.step_count == plain["t"] == 26
    assert model.flat.tobytes() == plain["w"].tobytes()
    assert trainer.average.tobytes() == plain["average"].tobytes()

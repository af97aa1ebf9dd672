# Only Python and make are needed: every target creates the environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RUN := runs/demo
SHIPPED := --pretrained binarized_mnist-pixelcnn-15x48
# The oldest versions that pyproject.toml allows, on the oldest Python: later ones have no wheels.
OLDEST := .venv-lowest
OLDEST_PYTHON ?= python3.11
OLDEST_TESTS := $(addprefix tests/test_,$(addsuffix .py,checkpoint cli cli_exits cli_refusals \
	consoles copies data figures folder golden joint kernels launchers matplotlibrc models mpi \
	notebooks numpy_numbers pictures pretrained record run sampling soap tiles training))

NB ?=

.PHONY: help demo test test-slow test-all soak lint notebooks lowest golden torch bench breakdown docs \
	test-site browser print release-check clean
help:
	@echo "make demo    28x28 digits from weights that are here; then train on 8x8 digits: a minute"
	@echo "make test    every oracle, the commands' main paths, the exercises: four minutes"
	@echo "make test-all          those and the slow ones (faults, fuzzing, ranks, notebooks): twelve"
	@echo "make test-slow         the slow ones alone; tests/tiers.py lists them"
	@echo "make soak    the long tests: faults, hostile files, numbers, memory, ranks; one of them by"
	@echo '             OPTIONS="faults --faults 200 --seed 1"'
	@echo "make lint    ruff: errors and format"
	@echo "make lowest  the commands and many tests with the oldest versions that pyproject.toml allows"
	@echo "make notebooks         run the notebooks again from their .py sources; NB=05 for one"
	@echo "make golden  make tests/golden anew with PyTorch (not needed to run the tests)"
	@echo "make bench   training steps against PyTorch and JAX: 30 minutes; results into docs/speed.md and README.md"
	@echo "make breakdown         where a training step's time goes: benchmarks/breakdown.md"
	@echo "make docs    the site: docs/_build/html/index.html"
	@echo "make test-site         its links, and each page in Chromium, which Debian's packages bring"
	@echo "make print   the course as a PDF, by Chromium: docs/_build/course.pdf"
	@echo "make release-check     build, metadata, and the wheel alone in a clean environment"
	@echo "make clean   remove the environment, compiled kernels and caches; runs/ stays"

$(READY): pyproject.toml requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -e '.[dev,mpi]'
	@touch $(READY)

# The first picture is there in seconds, so its model is the one whose kernels compile fastest.
demo: $(READY)
	@mkdir -p $(RUN)
	$(BIN)/python -m pixelrnn_np sample $(SHIPPED) -n 36 --quiet -o $(RUN)/mnist-drawn.png
	$(BIN)/python -m pixelrnn_np complete $(SHIPPED) --data mnist5k --rows 12 --quiet \
		-o $(RUN)/mnist-completed.png
	$(BIN)/python -m pixelrnn_np train --out $(RUN) --resume
	$(BIN)/python -m pixelrnn_np evaluate $(RUN)
	$(BIN)/python -m pixelrnn_np complete $(RUN) --rows 4 --quiet -o $(RUN)/completions.png
	@echo
	@echo "Look at, of MNIST by weights that came with the package:"
	@echo "  $(RUN)/mnist-drawn.png and $(RUN)/mnist-completed.png"
	@echo "  (completed: training images of MNIST, which these weights have seen)"
	@echo "and of the model that was trained just now:"
	@echo "  $(RUN)/samples.png, $(RUN)/completions.png and $(RUN)/loss.png"
	@echo "What to try next:"
	@echo "  the course:           $(BIN)/jupyter lab notebooks/README.md"
	@echo "  watch it draw:        $(BIN)/python -m pixelrnn_np animate $(RUN) -o film.gif"
	@echo "  train on MNIST's size: $(BIN)/python -m pixelrnn_np train --data mnist5k --levels 2 \\"
	@echo "                          --epochs 2 --out runs/mnist5k"

test: $(READY)
	$(BIN)/python -m pytest -n auto -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -n auto -m slow

test-all: test test-slow

soak: $(READY)
	$(BIN)/python -m tests.soak.run $(OPTIONS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Compiled code of another Numba lies elsewhere: it would take the place of our own.
lowest: export NUMBA_CACHE_DIR = $(abspath $(OLDEST)/numba)
lowest:
	$(OLDEST_PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/python -m uv pip install --quiet --python $(OLDEST)/bin/python \
		--resolution lowest-direct -e '.[dev,mpi,notebooks]'
	$(OLDEST)/bin/python -m pixelrnn_np train --epochs 2 --out $(OLDEST)/run
	$(OLDEST)/bin/python -m pixelrnn_np evaluate $(OLDEST)/run
	$(OLDEST)/bin/python -m pytest $(OLDEST_TESTS)

notebooks: $(READY)
	$(BIN)/python notebooks/build.py $(NB)

# PyTorch is large: what is there stays as it is.
torch: $(READY)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install --quiet -e '.[bench]'

golden: torch
	$(BIN)/python tests/golden/make_golden.py

# Without JAX it goes on.
bench: torch
	-$(BIN)/python -c "import jax, optax" 2>/dev/null || $(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python benchmarks/bench.py $(OPTIONS)

breakdown: $(READY)
	$(BIN)/python benchmarks/breakdown.py --markdown benchmarks/breakdown.md $(OPTIONS)

$(VENV)/docs-ready: $(READY)
	$(BIN)/python -m pip install --quiet -e '.[docs]'
	@touch $@

docs: $(VENV)/docs-ready
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "Look at docs/_build/html/index.html"

# Selenium brings no browser. Where there is none and none can be had, no page is opened.
browser:
	@command -v chromedriver || { apt-get update && apt-get install --yes --no-install-recommends \
		chromium chromium-driver; } || echo "no Chromium here: no page will be opened"

test-site: $(VENV)/docs-ready browser
	$(BIN)/python -m pytest tests/test_site.py -rs

print: $(VENV)/docs-ready
	$(BIN)/python -m sphinx -q -W --keep-going -b singlehtml -t print docs docs/_build/print
	$(BIN)/python tools/print_course.py docs/_build/print/print.html docs/_build/course.pdf

release-check: $(READY)
	$(BIN)/python -m pip install --quiet -e '.[release]'
	$(BIN)/python tools/release_check.py

clean:
	rm -rf $(VENV) $(OLDEST) build dist docs/_build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

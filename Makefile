# Everything starts from `python3`, `pip` and `make`; each target installs what it needs into .venv.
PYTHON ?= python3
BIN := .venv/bin
# In this mode the clone's folder is on the path: with setuptools' default, Python started beside the
# clone would take the folder `tracker` itself for the package.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	--config-settings editable_mode=compat --editable

.PHONY: help install lint test chaos load docs demo bench-store bench-sampler bench-probes bench-depth bench-labels clean
help:
	@echo "make demo   the whole path on real digits: train, store, query, reorder (half a minute to two)"
	@echo "make install  tracker and its tools into .venv; the others do it by themselves"
	@echo "make test   every test, on the embedded servers and on external ones where they answer"
	@echo "make chaos  faults of all sorts while runs train, and every block compared; docs/operations.md"
	@echo "make load   200 runs over eight workers while people ask; docs/operations.md"
	@echo "make lint   ruff, mypy, sqlfluff"
	@echo "make docs   docs/views.md and docs/functions.md from the comments in tracker/sql"
	@echo "make bench-store   the store against rows, DuckDB and MLflow; see benchmarks/README.md"
	@echo "make bench-sampler   the sampler against torch's, and reading scores; as above"
	@echo "make bench-probes  the k-NN probes against scikit-learn and faiss-cpu"
	@echo "make bench-depth   prediction depth on real ensembles: the directions that the paper reports"
	@echo "make bench-labels  wrong labels found, beside cleanlab; see benchmarks/README.md"
	@echo "make clean  remove .venv and caches (no data)"

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) '.[dev]'
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 tracker/sql

# Half an hour or more; ARGS="--faults 20" for less. Embedded servers of its own.
chaos: install
	$(BIN)/python -m tests.chaos $(ARGS)

test: install
	$(BIN)/python -m pytest -n 2 --dist worksteal

docs: install
	$(BIN)/python -m docs.generate_views
	$(BIN)/python -m docs.generate_functions

demo: install
	$(BIN)/python demo/demo.py

# Ten minutes on two cores; ARGS="--runs 40 --workers 4" for less. Embedded servers of its own.
load: install
	$(BIN)/python -m benchmarks.load $(ARGS)

# Some minutes; ARGS="--quick" for seconds of it.
bench-probes: install
	$(PIP_INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks.probes $(ARGS)

# An hour or more on two cores: it trains real ensembles until they know their wrong labels.
bench-depth: install
	$(BIN)/python -m benchmarks.depth $(ARGS)

# Several minutes and about 10 GB of disk; ARGS="--quick" for a tenth of it.
bench-store: install
	$(PIP_INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks.store $(ARGS)

# Two minutes and 1 GB of disk.
bench-sampler: install
	$(BIN)/python -m benchmarks.sampler $(ARGS)

# 150 small trainings: a few minutes.
bench-labels: install
	$(PIP_INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks.label_errors $(ARGS)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info

# make test    set up .venv, then lint, types and all tests on all backends
# make demo    set up only what the demo needs, then train, explain, localize and report
# make docs    the documentation, in site/: it opens from disk and loads nothing from elsewhere
# make bench   time, memory and maps beside other libraries: docs/benchmarks.md anew
#
# Each set-up leaves a stamp in .venv and happens again only when pyproject.toml or
# constraints.txt change.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Also seen by the isolated environment in which pip builds the package.
export PIP_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(BIN)/python -m pip install --quiet --quiet

.PHONY: test soak lint types demo bench docs constraints clean

test: $(VENV)/dev.stamp
	@$(BIN)/python tests/run.py

soak: $(VENV)/dev.stamp
	@$(BIN)/python tests/run.py soak

lint types: $(VENV)/dev.stamp
	@$(BIN)/python tests/run.py $@

demo: $(VENV)/demo.stamp
	@$(BIN)/limelight demo $(ARGS)

# Less than half an hour on two cores; which scripts, and which are studies: benchmarks/bench.py.
bench: $(VENV)/bench.stamp
	@PYTHONPATH=tests $(BIN)/python benchmarks/bench.py $(ARGS)

docs: $(VENV)/dev.stamp
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@$(BIN)/python docs/check.py site
	@echo site/index.html

# PyTorch first and alone: pip then keeps the build that it finds (the CPU-only one where an index
# or a folder offers it) and does not weigh it against all else.
$(VENV)/torch.stamp: constraints.txt
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "Installing PyTorch ..."
	@$(INSTALL) torch
	@touch $@

$(VENV)/demo.stamp: pyproject.toml $(VENV)/torch.stamp
	@echo "Installing what the demo needs ..."
	@$(INSTALL) --editable '.[torch,demo]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml $(VENV)/torch.stamp
	@echo "Installing what the tests need: TensorFlow, JAX, the oracles, MkDocs ..."
	@$(INSTALL) --editable '.[dev]'
	@sh tests/install_browser.sh
	@touch $(VENV)/demo.stamp $@

# In a folder of its own, which no test sees.
$(VENV)/bench.stamp: $(VENV)/dev.stamp benchmarks/requirements.txt
	@echo "Installing what the benchmarks compare with ..."
	@$(INSTALL) --no-deps --upgrade --target $(VENV)/bench --requirement benchmarks/requirements.txt
	@touch $@

# Writes what is installed now into constraints.txt; run it after upgrading something on purpose.
constraints: $(VENV)/dev.stamp
	$(BIN)/python -m pip freeze --all --exclude pip --exclude limelight \
		| sed 's/+[^=]*$$//' | LC_ALL=C sort --ignore-case > constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

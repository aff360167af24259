# Needs Python >= 3.11, a C compiler and make. All else is installed into .venv on first use.

MAKEFLAGS += --no-print-directory
PYTHON ?= python3
BIN := .venv/bin
CMAKE = $(or $(shell cmake --version >/dev/null 2>&1 && command -v cmake),$(BIN)/cmake)
BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard kernels/include/* kernels/src/*)
FRONTEND = $(shell find frontend -name '[!_]*.py' -not -path '*/_*') $(addprefix frontend/tapeless/,_adjoint_memory.py _brownian.py _composition.py _cuda_sde.py _cuda_sde_solution.py _cuda_solution.py _diffusion.py _fft_engine.py _fft_frequencies.py _fft_table.py _fit.py _fno.py _kinetic.py _objective.py _ode.py _operator_objective.py _parameters.py $(addprefix _pde/,coefficients.py exponential.py public.py random_field.py solution.py) _portrait.py _save.py _sde.py _sde_solution.py _second.py _solution.py _spectral_conv.py _training_result.py $(addprefix _ivp/,dense.py public.py result.py) $(addprefix _spectral_ops/,calculus.py chebyshev.py chebyshev_points.py clenshaw.py filters.py legendre.py norms.py parseval.py points.py products.py resolution.py series.py vector.py))
C_SOURCES = $(shell find kernels tests -name '*.[ch]' -o -name '*.inc' -o -name '*.cu')

.PHONY: help demo test slow lint ctest bench peers docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s%s\n", $$1, $$2 }' Makefile

demo: .venv/installed-demo ## train a neural ODE on handwritten digits
	$(BIN)/tapeless demo

test: lint ctest ## lint, the C tests, pytest
	@echo 'Compiling the kernels that the tests need, if the cache lacks them.'
	-$(BIN)/tapeless compile > /dev/null
	$(BIN)/pytest -q -n auto --dist worksteal -m 'not slow'

slow: .venv/installed-test ## the tests that `test` leaves out, of some minutes
	$(BIN)/pytest -q -n auto --dist worksteal -m slow

lint: .venv/installed-test ## ruff, docstrings, types, layers, clang-format
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/numpydoc lint $(FRONTEND)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $(C_SOURCES)

ctest: .venv/installed-test ## the C library's own tests
	$(CMAKE) -S . -B build/native -DTAPELESS_BUILD_TESTS=ON -DCMAKE_C_FLAGS=-Werror
	$(CMAKE) --build build/native
	$(CMAKE:cmake=ctest) --test-dir build/native --output-on-failure

bench: .venv/installed-bench ## the benchmarks of HEAD, published as pages
	$(BIN)/asv machine --yes --config asv_benchmarks/asv.conf.json
	$(BIN)/asv run --config asv_benchmarks/asv.conf.json 'HEAD^!'
	$(BIN)/asv publish --config asv_benchmarks/asv.conf.json

# On one core, by a Python that has the peers too: see asv_benchmarks/peers/README.md.
ONLY ?= W1/
PEERS_PYTHON ?= $(BIN)/python
peers: .venv/installed-test ## our time against other libraries', say ONLY=W1/
	taskset -c 0 $(PEERS_PYTHON) asv_benchmarks/peers/bench.py --only '$(ONLY)'
	$(PEERS_PYTHON) asv_benchmarks/peers/report.py --ratios --only '$(ONLY)'

docs: .venv/installed-demo ## write docs/methods.md from the registries
	$(BIN)/python -m tapeless.docs

clean: ## remove all that these targets made
	rm -rf .venv build out .asv asv_benchmarks/.asv .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Editable, so that only a change of the C library or of the packaging asks for another install.
.venv/installed-%: $(BUILT_FROM) | $(BIN)/python
	@echo 'Installing tapeless and what "$*" needs into .venv; this can take some minutes.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@cmake --version >/dev/null 2>&1 || [ -x $(BIN)/cmake ] || $(BIN)/python -m pip install --quiet 'cmake>=3.20'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tapeless needs Python >= 3.11: make PYTHON=python3.x")'
	$(PYTHON) -m venv --clear .venv

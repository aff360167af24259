# Needs Python >= 3.11, a C compiler and make. All else is installed into .venv on first use.

MAKEFLAGS += --no-print-directory
PYTHON ?= python3
BIN := .venv/bin
CMAKE = $(or $(shell cmake --version >/dev/null 2>&1 && command -v cmake),$(BIN)/cmake)
BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard kernels/include/* kernels/src/*)
# What has public docstrings: modules without a leading underscore, and these, whose names those export.
DOCUMENTED = _adam _address _adjoint_memory _brownian _c_field _check_tableau _composition _cuda_brownian _cuda_conv \
	_cuda_sde _cuda_sde_solution _cuda_solution _diffusion _diffusion_network _joint_field _fft_engine _fft_frequencies _fft_table _field _fit _fno \
	_kinetic _lbfgs _momentum _network _objective _ode _operator_objective _parameters _portrait _save _sde \
	_sde_solution _second _solution _spectral_conv _stats _training_result \
	$(addprefix _ivp/,dense public result) \
	$(addprefix _pde/,coefficients exponential public random_field solution) \
	$(addprefix _spectral_ops/,calculus chebyshev chebyshev_points clenshaw filters laplacian legendre norms parseval points \
		products resolution series vector) \
	$(addprefix interop/jax/,_brownian _ode _operators _sde) \
	$(addprefix interop/torch/,_functions _modules _ode _odeint _operators _sde)
FRONTEND = $(shell find frontend -name '[!_]*.py' -not -path '*/_*') $(DOCUMENTED:%=frontend/tapeless/%.py)
C_SOURCES = $(shell find kernels tests examples -name '*.[ch]' -o -name '*.inc' -o -name '*.cu' -o -name '*.cuh')

.PHONY: help demo test test-gpu slow lint compile ctest bench peers docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s%s\n", $$1, $$2 }' Makefile

demo: .venv/installed-demo ## train a neural ODE on handwritten digits
	$(BIN)/tapeless demo

test: .venv/installed-test .venv/installed-interop ## lint, the C tests, pytest
	@echo 'Compiling the kernels that the tests need, if the cache lacks them, beside lint and the C tests.'
	$(MAKE) --jobs=2 lint ctest compile
	$(BIN)/pytest -q -n auto --dist worksteal -m 'not slow'

test-gpu: .venv/installed-test .venv/installed-cuda ## what needs an NVIDIA GPU, on one
	$(BIN)/pytest -q -rs -m gpu tests/gpu

slow: .venv/installed-test ## the tests that `test` leaves out, of some minutes
	$(BIN)/pytest -q -n auto --dist worksteal -m slow

lint: .venv/installed-test ## ruff, docstrings, types, layers, clang-format
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/numpydoc lint $(FRONTEND)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $(C_SOURCES)

compile: .venv/installed-test
	-$(BIN)/tapeless compile > /dev/null

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

# Frameworks that we are called from, built for the CPU: torch's usual build brings gigabytes for GPUs along.
TORCH_CPU := --extra-index-url https://download.pytorch.org/whl/cpu
.venv/installed-interop: .venv/installed-test
	@echo 'Installing torch and jax for the CPU into .venv, and CuPy, for the tests that ask them.'
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0+cpu' $(TORCH_CPU) || \
		echo 'torch could not be installed: the tests of tapeless.interop.torch will be skipped.'
	@$(BIN)/python -c 'import jax' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check jax optax || \
		echo 'jax could not be installed: the tests of tapeless.interop.jax will be skipped.'
	@$(BIN)/python -c 'import cupy' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check 'cupy-cuda13x>=14' || \
		echo 'CuPy could not be installed: tests/portability/test_cupy_api.py will be skipped.'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tapeless needs Python >= 3.11: make PYTHON=python3.x")'
	$(PYTHON) -m venv --clear .venv

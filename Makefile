# Everything lives in .venv; nothing else on the machine is changed, except that root on
# Debian or Ubuntu gets python3-venv, a C compiler, chromium, mosquitto and PostgreSQL by apt-get
# when they are missing.

PYTHON ?= python3
VENV   := $(CURDIR)/.venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

BROWSER_PACKAGES := chromium fonts-dejavu-core fonts-liberation
SERVER_PACKAGES  := mosquitto postgresql
CODE             := twin solvers scenarios dashboards

ifneq ($(filter-out false 0,$(CI)),)
export NORIA_REQUIRE_BROWSER := 1
export NORIA_REQUIRE_SERVERS := 1
endif

.DEFAULT_GOAL := help
.PHONY: help demo test lint verify anchors lock clean venv venv-dev browser servers compiler python
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

help: ## print this list
	@echo "Noria: usage: make TARGET"
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	    while IFS="$$(printf '\t')" read -r name text; do printf '  %-10s %s\n' "$$name" "$$text"; done

demo: venv ## set up what running needs, then run the demonstration
	@echo "running noria demo"
	@$(BIN)/noria demo $(ARGS)

test: venv-dev browser servers ## set up everything, then check style, types and tests
	@$(MAKE) lint
	@echo "running the tests"
	@$(BIN)/pytest -n 2 $(ARGS)

lint: venv-dev ## check style (ruff) and types (mypy)
	@echo "checking style"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || \
	    { echo "the files above are not formatted; run .venv/bin/ruff format ." >&2; exit 1; }
	@echo "checking types"
	@$(BIN)/mypy --no-error-summary

# Status 5 of pytest means that there was no such test. Benchmarks run alone, for quiet cores.
verify: venv-dev browser servers ## run the heavy verification: slow tests, then benchmarks
	@echo "running the slow tests"
	@$(BIN)/pytest -n 2 --timeout 1800 -m slow --ignore tests/benchmarks $(ARGS) || [ $$? -eq 5 ]
	@if [ -d tests/benchmarks ]; then \
	    echo "running the benchmarks"; \
	    $(BIN)/pytest -n 0 --timeout 1800 -m "" tests/benchmarks $(ARGS) || [ $$? -eq 5 ]; \
	fi

anchors: venv-dev ## compare the simulator with exact values (ARGS="--only B,Q1" for some)
	@echo "running the anchors"
	@$(BIN)/python -m tests.validation.run $(ARGS)

# The three files install with plain pip on every Python and system that pyproject.toml admits.
# Versions already pinned are kept; UPGRADE=1 takes the newest.
UV_COMPILE = "$$uv/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
    $(if $(UPGRADE),--upgrade)

lock: python ## write the pinned requirements files from pyproject.toml (UPGRADE=1: newest)
	@echo "resolving the requirements"
	@uv=$$(mktemp -d) && trap 'rm -rf "$$uv"' EXIT && \
	$(PYTHON) -m venv "$$uv" && "$$uv/bin/python" -m pip install --quiet uv && \
	$(UV_COMPILE) pyproject.toml -o requirements.txt && \
	$(UV_COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt && \
	$(UV_COMPILE) --group build -c requirements-dev.txt -o requirements-build.txt

clean: ## delete the environment, builds and caches (runs/ is kept)
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@find $(CODE) -name '*.so' -delete

# --- the environment: a stamp file says what is installed, and is older than nothing it needs ---

venv: $(VENV)/.noria
venv-dev: $(VENV)/.dev $(VENV)/.noria

python:
	@command -v $(PYTHON) >/dev/null || \
	    { echo "$(PYTHON) was not found; Noria needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Noria needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }

# Built from nothing when the requirements change, so that nothing unlisted stays behind.
$(VENV)/.run: requirements.txt requirements-build.txt | python
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	    if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	        echo "installing $$package (a few seconds)"; \
	        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	            apt-get install -y -qq --no-install-recommends $$package; } >/dev/null; \
	    else \
	        echo "$(PYTHON) cannot make an environment; install $$package (sudo apt-get install $$package), then repeat." >&2; \
	        exit 1; \
	    fi; }
	@echo "creating .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV)
	@echo "installing what running needs (about a minute)"
	@$(PIP) install --require-hashes -r requirements-build.txt
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@if [ -e $@ ]; then rm -rf $(VENV); $(MAKE) $(VENV)/.run; fi
	@echo "installing what testing needs (about a minute)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# The kernels are compiled here, or left as Python; twin/native.py chooses.
# Older builds go first, so that none that is out of date stays behind.
KERNELS := $(wildcard twin/*/_*kernel.py solvers/*/_*kernel.py)
$(VENV)/.noria: pyproject.toml setup.py $(KERNELS) $(VENV)/.run
	@$(MAKE) compiler
	@echo "installing noria (half a minute)"
	@rm -f $(KERNELS:.py=_c.*.so)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@ls $(KERNELS:.py=_c.*.so) >/dev/null 2>&1 || \
	    echo "simulator and search are not compiled: they run as Python, about 100 times slower"
	@touch $@

compiler: python
	@can_compile() { \
	    command -v $${CC:-cc} >/dev/null && $(PYTHON) -c 'import os, sys, sysconfig; \
	        sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'; }; \
	can_compile && exit 0; \
	packages="gcc libc6-dev \
	    $$($(PYTHON) -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing a C compiler for the simulator (about a minute)"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends $$packages; } >/dev/null && \
	        can_compile && exit 0; \
	fi; \
	if [ -n "$$NORIA_REQUIRE_NATIVE" ]; then \
	    echo "a C compiler or Python.h is missing and could not be installed." >&2; exit 1; \
	fi; \
	echo "no C compiler or no Python.h; to have them: sudo apt-get install" $$packages; \
	echo "then make clean, and repeat"

browser:
	@for name in chromium chromium-browser google-chrome; do \
	    command -v $$name >/dev/null && exit 0; \
	done; \
	[ -n "$$NORIA_CHROMIUM" ] && exit 0; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing chromium for the browser tests (about a minute)"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends $(BROWSER_PACKAGES); } >/dev/null && exit 0; \
	fi; \
	if [ -n "$$NORIA_REQUIRE_BROWSER" ]; then \
	    echo "chromium is missing and could not be installed; CI needs it." >&2; exit 1; \
	fi; \
	echo "no chromium: tests marked browser are skipped; to run them: sudo apt-get install $(BROWSER_PACKAGES)"

servers:
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; \
	has_all() { command -v mosquitto >/dev/null && \
	    { command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1; }; \
	has_all && exit 0; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing mosquitto and PostgreSQL for the tests of connectors (about a minute)"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -y -qq --no-install-recommends $(SERVER_PACKAGES); } >/dev/null && \
	        has_all && exit 0; \
	fi; \
	if [ -n "$$NORIA_REQUIRE_SERVERS" ]; then \
	    echo "mosquitto or PostgreSQL is missing and could not be installed; CI needs them." >&2; exit 1; \
	fi; \
	echo "no mosquitto or PostgreSQL: their tests are skipped; to run them: sudo apt-get install $(SERVER_PACKAGES)"

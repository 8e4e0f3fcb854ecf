# make demo    install into .venv and deploy an HTTPS server to a keep that proved itself
# make test    set up and run every test
# make check   format, lint, types, imports, architecture and unit tests: some minutes, offline
# make coverage   every branch of the verifying core, by the quick tests of a lone clone
# make fuzz ARGS="NAME SECONDS"   search one parser (or "all") for what is not our error; no name: list
# make mutation ARGS=PATH…   break these files in small ways; the tests must notice
# make bench   the benchmarks, each a ratio measured in one run
# make docs    build the documentation into site/
# make toolchains   compilers of the languages, into the user's private folder; tests use them
# make wasi-testsuite SUITE=DIR   the WASI preview 1 suite, through `enarx run`

VENV    := .venv
BIN     := $(VENV)/bin
WORKERS ?= 2
PIP     := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --require-hashes

.PHONY: help demo test check coverage fuzz mutation bench docs wasi-testsuite requirements demo-server cli-reference language-reference toolchains clean
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/.runtime $(VENV)/.host
	@$(BIN)/python demo/demo.py

test: $(VENV)/.dev $(VENV)/.guests
	@mkdir -p .build
	$(BIN)/python -m pytest -n $(WORKERS) --junitxml=.build/tests.xml $(ARGS)
	$(BIN)/python docs/language_matrix.py .build/tests.xml

check: $(VENV)/.dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow" $(ARGS)

VERIFYING := tests/appraisal tests/evidence tests/fuzz tests/image tests/measure tests/package tests/protocol tests/seal tests/tee \
    tests/transparency tests/wire tests/test_attestation.py tests/test_errors.py

coverage: $(VENV)/.dev
	@mkdir -p .build/coverage
	ENARX_SHARED=/nonexistent $(BIN)/coverage run -m pytest -q -m "not slow" $(VERIFYING)
	$(BIN)/coverage run --append -m pytest -q -m slow tests/tee/simulated/test_root.py
	$(BIN)/coverage report

fuzz: $(VENV)/.dev $(VENV)/.audit
	$(BIN)/python tests/fuzz/run.py $(ARGS)

mutation: $(VENV)/.dev
	$(BIN)/python tests/mutation/run.py $(ARGS)

bench: $(VENV)/.dev $(VENV)/.bench
	$(BIN)/python benchmarks/run.py $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python docs/cli_reference.py --check docs/reference/cli.md
	$(BIN)/python docs/language_reference.py --check docs/reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

cli-reference: $(VENV)/.runtime
	$(BIN)/python docs/cli_reference.py docs/reference/cli.md

language-reference: $(VENV)/.runtime
	$(BIN)/python docs/language_reference.py docs/reference

wasi-testsuite: $(VENV)/.runtime
	@test -n "$(SUITE)" || { echo "usage: make wasi-testsuite SUITE=<checkout of WebAssembly/wasi-testsuite, branch prod/testsuite-base>" >&2; exit 2; }
	$(BIN)/python tests/wasi_testsuite.py "$(SUITE)" $(ARGS)

toolchains: $(VENV)/.runtime
	$(BIN)/python tests/languages/install_toolchains.py $(ARGS)

# Rebuilds the demo's guest.  tests/demo/ holds that the checked-in file is what this makes.
demo-server: $(VENV)/.bench
	$(BIN)/python demo/source/build.py demo/https-server/main.wasm

# Pins again from pyproject.toml; the only target that looks for newer versions.
requirements: $(VENV)/.dev
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet pip-tools
	requirements/compile $(BIN)/python

clean:
	rm -rf $(VENV) site dist .build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# ── the virtual environment: one stamp per set of requirements ────────────────────────────────

$(BIN)/python:
	@requirements/venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "installing into $(VENV)"
	@$(PIP) -r requirements/runtime.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index --editable .
	@touch $@

$(VENV)/.%: requirements/%.txt $(VENV)/.runtime
	@echo "installing $< into $(VENV)"
	@$(PIP) -r $<
	@touch $@

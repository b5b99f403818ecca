# Everything from a fresh clone: `make lab` to try it, `make test` to check it, `make help` for more.
# What the build makes lies in build/, .venv/, pyautomerge/target/ and labextension/node_modules/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
REPORTS := build/reports
# Jupyter will not start as root unless told to, and containers are root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

ENGINE_SOURCES := $(shell find pyautomerge -type f \
  \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.pyi' -o -name '*.py' -o -name 'py.typed' \) \
  -not -path '*/target/*' -not -path '*/tests/*')
LAB_SOURCES := $(shell find labextension -type f \
  -not -path '*/node_modules/*' -not -path '*/lib/*' -not -path '*/test/*' -not -path '*/coverage/*')

.PHONY: help setup lab test test-engine test-lab test-python test-browser \
  test-managers test-hub lint format docs screenshots \
  release-engine bench bench-files bench-kernel bench-sizes simulate fuzz-permissions soak lab-versions prove chromium clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# ---- set-up: each stamp is as new as the sources that it stands for

setup: | build/tools.stamp  ## everything that the other targets need, and nothing opened
	@$(MAKE) --no-print-directory --jobs 2 build/install.stamp

build/tools.stamp:
	scripts/need $(PYTHON) cargo node npm
	mkdir -p build && touch $@

$(BIN)/python: | build/tools.stamp
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Without optimisation across crates the engine builds in a third of the time. Measurements and wheels
# take the profile `release` (target `release-engine`).
build_engine = rm -rf build/wheels; cd pyautomerge && \
  $(BIN)/maturin build --profile $(1) --locked --out ../build/wheels && \
  $(BIN)/python -m pip install --quiet --force-reinstall --no-deps ../build/wheels/*.whl

$(BIN)/maturin: | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'maturin>=1.7,<2'

build/engine.stamp: $(ENGINE_SOURCES) | $(BIN)/maturin
	$(call build_engine,quick)
	rm -f build/release-engine.stamp
	touch $@

build/release-engine.stamp: build/engine.stamp
	$(call build_engine,release)
	touch $@

release-engine: setup build/release-engine.stamp

build/node.stamp: labextension/package.json labextension/package-lock.json | build/tools.stamp
	cd labextension && npm ci --no-audit --no-fund
	touch $@

# Editable: Python sources are live. The bundle is copied, so a change in it installs again.
build/install.stamp: pyproject.toml scripts/hatch_build.py build/engine.stamp build/node.stamp \
    $(LAB_SOURCES) $(wildcard jupyter-config/*/*)
	$(BIN)/python -m pip install --quiet --editable '.[test,dev,docs]'
	touch $@

chromium:  ## a browser for the tests: found, or installed where that is possible
	@scripts/chromium
	@scripts/libfuse

# ---- use

lab: setup  ## JupyterLab on the example notebook (make lab ARGS="--port 9000")
	$(BIN)/jupyter lab $(AS_ROOT) --ServerApp.root_dir=examples $(ARGS) examples/tour.ipynb

# ---- checks

# The browser's tests wait more than they work, so the others run beside them.
test: setup chromium build/managers.stamp build/hub.stamp  ## every test: Rust, TypeScript, Python, browser
	$(MAKE) --jobs 2 --keep-going \
	  test-browser test-engine test-lab test-python test-managers test-hub

test-engine: setup
	mkdir -p $(REPORTS)
	cd pyautomerge && cargo test --locked 2>&1 | tee ../$(REPORTS)/cargo.txt
	npm ci --no-audit --no-fund --prefix pyautomerge/tests/js
	cd pyautomerge && PYAUTOMERGE_REQUIRE_NODE=1 $(BIN)/python -m pytest --junitxml=../$(REPORTS)/engine.xml
	npm test --prefix pyautomerge/tests/js

test-lab: setup
	mkdir -p $(REPORTS)
	cd labextension && npm test -- --reporter=default --reporter=junit \
	  --outputFile.junit=../$(REPORTS)/vitest.xml

# CI repeats a failed test once and names it at the end: a test that needs this wants mending.
RERUNS := $(if $(CI),--reruns 1 -rR)
PYTEST := $(BIN)/python -m pytest --durations=20 $(RERUNS)

test-python: setup  ## Python without a browser (make test-python ARGS="tests/room -x")
	mkdir -p $(REPORTS)
	PATH="$(BIN):$$PATH" $(PYTEST) -m 'not browser and not long and not hub' \
	  --junitxml=$(REPORTS)/python.xml $(ARGS)

test-browser: setup  ## a real Chromium (make test-browser ARGS="tests/e2e/test_offline.py")
	mkdir -p $(REPORTS)
	chromium=$$(scripts/chromium) && PATH="$(BIN):$$PATH" CHROMIUM="$$chromium" \
	  $(PYTEST) -m 'browser and not long and not hub' --junitxml=$(REPORTS)/browser.xml $(ARGS)

# In an environment on top of the other: what is installed there takes part in every server.
build/managers.stamp: build/install.stamp
	rm -rf build/managers
	$(PYTHON) -m venv build/managers
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(build/managers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/under.pth"
	build/managers/bin/python -m pip install --quiet \
	  'jupyter-fs>=1.1' 'jupytext>=1.16' 's3contents>=0.11' 'moto[s3]>=5' flask flask-cors
	touch $@

test-managers: setup build/managers.stamp  ## contents managers of others: jupyter-fs, jupytext, S3
	mkdir -p $(REPORTS)
	build/managers/bin/python -m pytest tests/server/test_contents_managers.py $(RERUNS) \
	  --junitxml=$(REPORTS)/managers.xml

# JupyterHub and its proxy, in an environment on top of the other: single-user servers run in it.
build/hub.stamp: | $(BIN)/python
	rm -rf build/hub
	$(PYTHON) -m venv build/hub
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(build/hub/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/under.pth"
	build/hub/bin/python -m pip install --quiet 'jupyterhub>=5.2' 'jupyterhub-idle-culler>=2'
	npm install --no-audit --no-fund --silent --prefix build/hub 'configurable-http-proxy@^5'
	touch $@

test-hub: setup build/hub.stamp  ## a real JupyterHub with its proxy (make test-hub ARGS="-x")
	mkdir -p $(REPORTS)
	chromium=$$(scripts/chromium) && PATH="$(BIN):$$PATH" CHROMIUM="$$chromium" \
	  $(PYTEST) tests/hub -m hub --junitxml=$(REPORTS)/hub.xml $(ARGS)

# Warnings are errors: a link that leads nowhere, a page that no other page links, a bad docstring.
build_site = $(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site

lint: setup  ## ruff, mypy, import-linter, rustfmt, clippy, eslint, prettier, the documentation site
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest pyautomerge
	cd pyautomerge && cargo fmt --check
	cd pyautomerge && cargo clippy --locked --all-targets -- -D warnings
	cd labextension && npm run lint && npm run format:check
	$(build_site)

format: setup  ## rewrite sources as the formatters want them
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	cd pyautomerge && cargo fmt
	cd labextension && npm run format

docs: setup  ## print the reference pages from the code, build the site into build/site
	$(BIN)/python scripts/reference.py --write
	$(build_site)

screenshots: setup  ## take the pictures of the documentation in Chromium into docs/_static/
	chromium=$$(scripts/chromium) && CHROMIUM="$$chromium" $(BIN)/python scripts/screenshots.py

# ---- measurements and long runs

bench: release-engine  ## what the spine costs, beside a bare relay and plain JupyterLab
	$(BIN)/python bench/spine.py $(ARGS)

bench-files: release-engine  ## what saving, merging and putting a 40 MB notebook cost those at another one
	$(BIN)/python bench/files.py $(ARGS)

bench-kernel: release-engine  ## what running cells costs, beside a bare kernel and plain JupyterLab
	$(BIN)/python bench/kernel.py $(ARGS)

bench-sizes: release-engine  ## sizes of very large outputs (make bench-sizes ARGS="--part 0.1")
	$(BIN)/python bench/sizes.py $(ARGS)

prove: release-engine  ## who loses or duplicates what: this project and its peers (make prove ARGS=--quick)
	$(BIN)/python -m pip install --quiet --editable '.[prove]'
	scripts/libfuse
	chromium=$$(scripts/chromium) && cd bench && CHROMIUM="$$chromium" $(BIN)/python -m prove $(ARGS)

simulate: setup  ## the simulated network: SEEDS=400 stories of each kind from FIRST_SEED=0 (long: 10000)
	$(BIN)/python -m pytest tests/room --timeout=0 \
	  --seeds=$(or $(SEEDS),400) --first-seed=$(or $(FIRST_SEED),0) $(ARGS)

fuzz-permissions: setup  ## random and forged changes against the permission check: STORIES=500 FIRST=0
	FUZZ_STORIES=$(or $(STORIES),500) FUZZ_FIRST=$(or $(FIRST),0) \
	  $(BIN)/python -m pytest tests/document/test_authority_fuzz.py --timeout=0 -q $(ARGS)

soak: setup  ## the tests that take long
	$(BIN)/python -m pytest -m long --timeout=0 $(ARGS)

lab-versions: setup  ## two stories in a browser with JupyterLab 4.4, 4.5 and 4.6, each on its own
	chromium=$$(scripts/chromium) && CHROMIUM="$$chromium" $(BIN)/python scripts/lab_versions $(ARGS)

clean:  ## remove everything that the build made
	rm -rf build $(VENV) pyautomerge/target labextension/node_modules labextension/lib \
	  jupyter_runtimed/labextension
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

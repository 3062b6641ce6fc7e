# Lastgood: what a developer or an operator can ask for. `make` alone lists it.
# Needs a POSIX shell and Python 3.11 or newer. Everything else is fetched, pinned by hash.

.DEFAULT_GOAL := help

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check -qq
PYTEST = .ci/pytest
UV = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
UNIT = not e2e and not torture and not torture_long
# Files are shared out whole, in the order that tests.haste gives them.
TWO = -n 2 --dist loadfile --no-loadscope-reorder

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# --- preparation ---------------------------------------------------------------------------------

setup: .venv/.run webapp/static/vendor/.done  ## prepare everything: .venv, dependencies, front-end assets

setup-dev: setup .venv/.dev  ## the same, with what tests and checks need

.venv/.made:
	@.ci/venv .venv
	@touch $@

.venv/.run: .venv/.made requirements/run.lock pyproject.toml
	@echo "Installing dependencies ..."
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.lock
	@echo "Installing what tests and checks need ..."
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

webapp/static/vendor/.done: .venv/.run webapp/assets/package-lock.json webapp/assets/icons.txt webapp/assets/__main__.py
	@echo "Installing front-end assets ..."
	@$(BIN)/python -m webapp.assets build build/assets
	@touch $@

# --- using it ------------------------------------------------------------------------------------

run: setup  ## start Lastgood; on an empty data folder with a demo tenant; Ctrl-C stops it
	@LASTGOOD_DEMO="$${LASTGOOD_DEMO:-1}" $(BIN)/lastgood init
	@exec $(BIN)/lastgood serve

demo: setup  ## start Lastgood with a fresh demo tenant, in a data folder of its own
	@rm -rf build/demo
	@LASTGOOD_HOME=build/demo LASTGOOD_DEMO=1 $(BIN)/lastgood init
	@LASTGOOD_HOME=build/demo exec $(BIN)/lastgood serve

worker: setup  ## one more worker on the same data
	@exec $(BIN)/lastgood worker

migrate: setup  ## bring the database to the newest version
	@$(BIN)/lastgood init

# --- proving it ----------------------------------------------------------------------------------

check: setup-dev  ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: setup-dev  ## the test suite
	@.ci/packages strace acl attr postgresql redis-server systemd || true
	@$(PYTEST) $(TWO) --durations=20 --durations-min=2 --postgresql=engine -m "$(UNIT)"

e2e: setup-dev  ## the story of the product, in a real browser
	@.ci/packages chromium
	@if .ci/marked e2e; then $(PYTEST) -m e2e tests/e2e; fi

torture-short: setup-dev  ## crash, fault and race campaigns of minutes
	@.ci/packages strace acl attr postgresql redis-server systemd || true
	@if .ci/marked torture; then $(PYTEST) -n 2 --dist worksteal --durations=10 -m torture; fi

torture: setup-dev  ## all campaigns
	@.ci/packages strace acl attr postgresql redis-server systemd || true
	@if .ci/marked 'torture(_long)?'; then $(PYTEST) -m "torture or torture_long"; fi
	@$(PYTEST) $(TWO) --postgresql=everywhere -m "postgresql and $(UNIT)"

bench: setup-dev  ## measure speed on this machine; beside restic and borg in a small form
	@.ci/packages restic borgbackup strace mariadb-server postgresql || true
	@for script in bench/[a-z]*.py; do \
	    case "$$script" in *engine.py|*index.py|*upkeep.py) quick= ;; *) quick=--quick ;; esac; \
	    $(BIN)/python -m "bench.$$(basename "$$script" .py)" $$quick || exit 1; \
	done

bench-peers: setup-dev  ## the whole comparison with restic and borg, about 35 minutes
	@.ci/packages restic borgbackup strace mariadb-server linux-source-6.1
	@$(BIN)/python -m bench.peers

screenshots: setup-dev  ## take the pictures of docs/screenshots
	@.ci/packages chromium
	@$(BIN)/python -m tests.e2e.screenshots

# --- upkeep --------------------------------------------------------------------------------------

lock: .venv/.run  ## pin dependencies anew; UPGRADE=1 takes newer versions
	@$(PIP) install uv
	@$(UV) $(UPGRADE:1=--upgrade) --group assets --group dev -o requirements/dev.lock
	@$(UV) $(UPGRADE:1=--upgrade) --group assets -c requirements/dev.lock -o requirements/run.lock
	@$(BIN)/python -m webapp.assets lock build/assets-lock

clean:  ## remove everything that was built or installed; your data folder stays
	rm -rf .venv build dist *.egg-info webapp/static/vendor
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup setup-dev run demo worker migrate check test e2e torture-short torture bench \
	bench-peers screenshots lock clean

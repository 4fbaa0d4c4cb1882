# Two commands do all the set-up: `make run` and `make test`. Everything else is for whoever changes the code.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help run demo test check lint types audit coverage bench fuzz guard-sim rollout-demo settings lock dashboards docs smoke images empty-machine sbom clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=/path/to/python3")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## start the whole stack on this machine and import real exports through it
	@$(BIN)/stack up

demo: $(STAMP) ## the same, then exit: non-zero if any import did not complete
	@$(BIN)/stack demo

# With that variable set, as in many images, each process would compile all tests anew: half of the time to collect them.
test: $(STAMP) ## run all tests, shared out over the processors
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(STAMP) ## formatting and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(STAMP) ## strict type check
	@$(BIN)/mypy
	@$(BIN)/mypy deploy/*.py deploy/images/*.py
	@$(BIN)/mypy -p deploy.grafana

audit: $(STAMP) ## known flaws in the locked packages
	@$(BIN)/python deploy/audit.py

check: lint types audit images test ## all that CI runs

coverage: $(STAMP) ## which lines the tests reach, those of started services too: TESTS=tests/v2_service
	@mkdir -p build/coverage && $(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q $(TESTS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

bench: $(STAMP) ## benchmarks, side by side with peers (never in CI)
	@$(BIN)/python -m bench

fuzz: $(STAMP) ## send 100,000 odd requests through a gateway and check each against a strict reader
	@$(BIN)/python -m bench.fuzz --requests 100000

guard-sim: $(STAMP) ## simulate the guard's rules beside others' (about 10 minutes), write bench/guard/RESULTS.md
	@$(BIN)/python -m bench.guard --processes 2

rollout-demo: $(STAMP) ## a whole rollout in fast time, and three broken ones (45 minutes), write bench/rollout/RESULTS.md
	@$(BIN)/python -m bench.rollout

settings: $(STAMP) ## write docs/settings.md from the settings classes
	@$(BIN)/python -m tests.house.settings_reference

LOCK = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-emit-package banyan-gateway \
	--custom-compile-command "make lock" --quiet

lock: ## resolve pyproject.toml into the lock files, UPGRADE=--upgrade for newer versions (needs uv)
	@$(LOCK) --extra dev $(UPGRADE) --output-file requirements.lock
	@for extra in build gateway v2 legacy sandbox; do \
		$(LOCK) --extra $$extra --constraint requirements.lock --output-file deploy/locks/$$extra.lock; done

dashboards: $(STAMP) ## write the Grafana dashboards from their code
	@$(BIN)/python -m deploy.grafana.build

docs: $(STAMP) ## build the pages into build/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo build/docs/index.html

smoke: $(STAMP) ## is a deployment whole? URL=https://... ARGS="--ops http://... --help for more"
	@$(BIN)/python deploy/smoke.py $(URL) $(ARGS)

images: ## build the images with buildah, start each and ask its health (needs root, buildah, debootstrap)
	@deploy/build_images.sh

empty-machine: ## try a clone on a new Debian with python3 and make alone (needs root, debootstrap)
	@deploy/empty_machine.sh

sbom: $(STAMP) ## write a bill of materials per image to build/sbom
	@mkdir -p build/sbom
	@for name in gateway v2 legacy sandbox; do \
		$(BIN)/python deploy/sbom.py deploy/locks/$$name.lock > build/sbom/$$name.cdx.json; done
	@ls build/sbom/*.cdx.json

clean: ## remove the virtual environment, caches and local state
	rm -rf $(VENV) .state build dist .mypy_cache .ruff_cache .pytest_cache

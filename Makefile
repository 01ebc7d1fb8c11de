# `make` lists what there is. `make run` and `make test` do all the set-up they need.
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do command -v $$v >/dev/null 2>&1 && $$v -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$v; break; }; done)
BIN := .venv/bin
PO := $(wildcard shop/translations/*/LC_MESSAGES/messages.po)
MO := $(PO:.po=.mo)

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: .venv/runtime $(MO) ## Serves the whole product on http://127.0.0.1:8000 (PORT, HOST, SHOP_DATA)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/run.sh

test: .venv/dev $(MO) ## Checks and tests everything, on every service it can find or start
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/test.sh

check: .venv/dev ## Only the static checks: lint, format, floors, types
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/check.sh

faults: .venv/dev $(MO) ## The long form of the fault tests (kills, races, tampering) and of the promises on simulated shops
	@PATH="$(CURDIR)/$(BIN):$$PATH" FAULTS=full sh scripts/test.sh tests/faults tests/models/test_forecast.py

bench: .venv/dev $(MO) ## Our pages beside the peers' and the limit, on PostgreSQL with 1,000,000 repairs
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/bench.sh

messages: .venv/dev ## Collects what is to be translated into the catalogues
	$(BIN)/pybabel -q extract -F babel.cfg -k _l -k lazy_gettext -k N_ --no-location --sort-output -o build/messages.pot .
	$(BIN)/pybabel -q update -i build/messages.pot -d shop/translations --width 100 --no-fuzzy-matching --ignore-pot-creation-date

translations: .venv/runtime $(MO) ## Compiles the catalogues

clean: ## Removes what was installed and built; the shop's data stay
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache $(MO)

%.mo: %.po .venv/runtime
	@$(BIN)/pybabel -q compile -i $< -o $@ -l $(notdir $(patsubst %/LC_MESSAGES/messages.po,%,$<))

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian: apt-get install python3-venv)"; exit 1; }

.venv/runtime: .venv/bin/python requirements.txt
	@echo "Installing what the product runs on (once)"
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev: .venv/runtime requirements-dev.txt
	@echo "Installing what the tests need (once)"
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.DEFAULT_GOAL := help
.PHONY: help run test check faults bench messages translations clean

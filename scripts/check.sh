#!/bin/sh
# Static checks. Each must pass.
set -eu
ruff check .
ruff format --check .
lint-imports
mypy

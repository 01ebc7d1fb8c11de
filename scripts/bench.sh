#!/bin/sh
# The benchmark, on a PostgreSQL that runs or that is started for it.
set -eu
. scripts/services.sh
find_services
if [ -z "$TEST_POSTGRESQL_URL" ]; then
    echo "The benchmark needs PostgreSQL: start one and name it in TEST_POSTGRESQL_URL."
    exit 1
fi
python benchmarks/run.py "$@"

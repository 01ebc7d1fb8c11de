#!/bin/sh
# Every check and every test. Arguments go to pytest.
set -eu
. scripts/services.sh
find_services
find_localstripe
MISSING=0
missing PostgreSQL "$TEST_POSTGRESQL_URL" "everything on PostgreSQL, workers, faults on PostgreSQL"
missing Redis "$TEST_REDIS_URL" "jobs through RQ, live updates between processes"
missing Chromium "$CHROMIUM" "the browser tests"
missing localstripe "$LOCALSTRIPE" "the smoke run of Stripe's path"
if [ "$MISSING" = 1 ] && [ "${CI:-}" = true ]; then
    echo "CI runs every suite: failing."
    exit 1
fi
if [ $# = 0 ]; then
    sh scripts/check.sh
    set -- tests
fi
export SHOP_DATA="$BUILD/data" LOG_LEVEL=ERROR
pytest -n "${TEST_PROCESSES:-2}" --dist loadscope --durations=15 "$@"

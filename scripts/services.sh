# Sourced by scripts that need PostgreSQL, Redis and a browser. Uses what runs, else starts a private one, else
# installs it where that is possible. Sets TEST_POSTGRESQL_URL, TEST_REDIS_URL, CHROMIUM; an empty one is missing.

BUILD="$PWD/build"
mkdir -p "$BUILD"
STARTED=""

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

install() {
    can_install || return 1
    echo "Installing $* (once)"
    apt-get update -qq >"$BUILD/apt.log" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$BUILD/apt.log" 2>&1
}

postgresql_answers() {
    python - "$1" <<'PYTHON' 2>/dev/null
import sys, psycopg
psycopg.connect(sys.argv[1].replace("+psycopg", ""), connect_timeout=3).close()
PYTHON
}

redis_answers() {
    python - "$1" <<'PYTHON' 2>/dev/null
import sys, redis
redis.Redis.from_url(sys.argv[1], socket_connect_timeout=2).ping()
PYTHON
}

free_port() { python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }

start_postgresql() {
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
    [ -n "$bin" ] || return 1
    port=$(free_port)
    home=$(mktemp -d /tmp/shop-postgresql.XXXXXX)
    [ "$(id -u)" = 0 ] && chown postgres "$home"
    as_postgres "$bin/initdb -D $home/data -A trust -U shop >/dev/null &&
        $bin/pg_ctl -D $home/data -w -o '-p $port -k $home -c listen_addresses=127.0.0.1' -l $home/log start >/dev/null" || return 1
    STARTED="$STARTED postgresql:$bin:$home"
    TEST_POSTGRESQL_URL="postgresql+psycopg://shop@127.0.0.1:$port/postgres"
}

start_redis() {
    command -v redis-server >/dev/null 2>&1 || return 1
    port=$(free_port)
    redis-server --port "$port" --bind 127.0.0.1 --save "" --appendonly no --daemonize yes \
        --dir "$BUILD" --pidfile "$BUILD/redis.pid" --logfile "$BUILD/redis.log" >/dev/null || return 1
    sleep 1
    STARTED="$STARTED redis:$BUILD/redis.pid"
    TEST_REDIS_URL="redis://127.0.0.1:$port/0"
}

# An independent stand-in for Stripe, in an environment of its own: its own libraries are older than ours.
find_localstripe() {
    wanted=localstripe==1.15.10 home="$BUILD/localstripe"
    if [ -z "${LOCALSTRIPE:-}" ] && [ ! -x "$home/bin/localstripe" ]; then
        echo "Installing $wanted (once)"
        { python -m venv "$home" && "$home/bin/pip" install -q --disable-pip-version-check "$wanted"; } \
            >"$BUILD/localstripe.log" 2>&1 || rm -rf "$home"
    fi
    [ -n "${LOCALSTRIPE:-}" ] || { [ -x "$home/bin/localstripe" ] && LOCALSTRIPE="$home/bin/localstripe"; } || LOCALSTRIPE=""
    export LOCALSTRIPE
}

find_postgresql() {
    TEST_POSTGRESQL_URL="${TEST_POSTGRESQL_URL:-postgresql+psycopg://127.0.0.1:5432/postgres}"
    postgresql_answers "$TEST_POSTGRESQL_URL" && return
    start_postgresql || { install postgresql postgresql-contrib && start_postgresql; } || TEST_POSTGRESQL_URL=""
}

find_redis() {
    TEST_REDIS_URL="${TEST_REDIS_URL:-redis://127.0.0.1:6379/9}"
    redis_answers "$TEST_REDIS_URL" && return
    start_redis || { install redis-server && start_redis; } || TEST_REDIS_URL=""
}

find_chromium() {
    CHROMIUM="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}"
    [ -n "$CHROMIUM" ] && return
    install chromium && CHROMIUM=$(command -v chromium) || CHROMIUM=""
}

stop_started() {
    for service in $STARTED; do
        case $service in
            postgresql:*)
                rest=${service#postgresql:}
                as_postgres "${rest%%:*}/pg_ctl -D ${rest#*:}/data -m immediate stop >/dev/null" || true
                rm -rf "${rest#*:}"
                ;;
            redis:*) kill "$(cat "${service#redis:}")" 2>/dev/null || true ;;
        esac
    done
}

find_services() {
    trap stop_started EXIT
    trap 'exit 130' INT TERM
    find_postgresql
    find_redis
    find_chromium
    export TEST_POSTGRESQL_URL TEST_REDIS_URL CHROMIUM
}

# missing NAME VALUE SUITES: says what will not run; in CI that is a failure.
missing() {
    [ -n "$2" ] && return
    echo "NOT RUN: $1 is neither running nor installable here, so these suites are left out: $3"
    MISSING=1
}

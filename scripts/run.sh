#!/bin/sh
# The product on this machine: migrated, with reference data, and with a demo shop if it is new and its own SQLite file.
set -eu
export SHOP_DATA="${SHOP_DATA:-instance}" HOST="${HOST:-127.0.0.1}" PORT="${PORT:-8000}" LOG_FORMAT="${LOG_FORMAT:-text}"
export BASE_URL="${BASE_URL:-http://$HOST:$PORT}"

flask --app wsgi db upgrade 2>/dev/null || flask --app wsgi db upgrade
flask --app wsgi seed
# The demo staff have a password that everybody can read: they are for a file of this machine, and for no other database.
if [ -z "${DATABASE_URL:-}" ]; then
    flask --app wsgi demo --repairs "${DEMO_REPAIRS:-600}" --if-empty
    PEOPLE="Demo sign-ins, password demo-shop-2026
    owner       ellie@revivatech.example
    technician  priya@revivatech.example
    front desk  marta@revivatech.example

  Data in $SHOP_DATA."
else
    PEOPLE="DATABASE_URL is set, so nothing was invented in it.
    A first person                                       flask --app wsgi user create EMAIL --role owner
    Invented repairs, and people with a public password  flask --app wsgi demo --repairs 600

 "
fi

cat <<TEXT

  RevivaTech Shop
    Website and booking   $BASE_URL/      $BASE_URL/book/
    Staff console         $BASE_URL/admin/
    API description       $BASE_URL/api/openapi.json

  $PEOPLE Stop with Ctrl-C.

TEXT
exec gunicorn -c gunicorn.conf.py wsgi:app

"""Guessing a ticket is slow, and so is filling the calendar: the forms answer a few times a minute."""

import json
import os
import subprocess
import sys

# The limiter is one for the process, so it is tried in a process of its own.
PROBE = """
import json, re
from shop import create_app

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
client = app.test_client()
answers = [client.post("/track/", data={"number": "", "email": ""}) for _ in range(10)]
print(json.dumps({
    "codes": [answer.status_code for answer in answers],
    "retry": answers[-1].headers.get("Retry-After"),
    "reading": client.get("/track/").status_code,
}))
"""


def probe(script: str, data) -> dict:
    environment = {"PATH": os.environ["PATH"], "SHOP_DATA": str(data), "LOG_LEVEL": "ERROR"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout.splitlines()[-1])


def test_tracking_form_is_limited_and_reading_is_not(tmp_path):
    found = probe(PROBE, tmp_path)

    assert found["codes"] == [422] * 8 + [429] * 2
    assert 0 < int(found["retry"]) <= 60
    assert found["reading"] == 200


BOOKINGS = """
import json
from flask import Response
from shop import create_app

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
app.register_error_handler(Exception, lambda error: Response(status=getattr(error, "code", 500)))
client = app.test_client()
print(json.dumps({
    "booked": [client.post("/book/none/review").status_code for _ in range(22)],
    "answered": [client.post("/book/none/details").status_code for _ in range(22)],
}))
"""


def test_wizard_books_as_slowly_as_the_api_and_takes_answers_as_fast_as_they_are_typed(tmp_path):
    found = probe(BOOKINGS, tmp_path)

    assert [code == 429 for code in found["booked"]] == [False] * 20 + [True] * 2
    assert 429 not in found["answered"]


ACCOUNT = """
import json
from flask import Response
from shop import create_app

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
app.register_error_handler(Exception, lambda error: Response(status=getattr(error, "code", 500)))
client = app.test_client()
print(json.dumps({
    "links": [client.post("/account/forgot").status_code for _ in range(10)],
    "taps": [client.post("/book/none/account").status_code for _ in range(10)],
    "sign_ins": [client.post("/account/sign-in").status_code for _ in range(22)],
    "reading": client.get("/account/sign-in").status_code,
}))
"""


def test_links_are_asked_for_and_passwords_are_guessed_slowly(tmp_path):
    found = probe(ACCOUNT, tmp_path)

    assert [code == 429 for code in found["links"]] == [False] * 8 + [True] * 2
    assert [code == 429 for code in found["taps"]] == [False] * 8 + [True] * 2
    assert [code == 429 for code in found["sign_ins"]] == [False] * 20 + [True] * 2
    assert found["reading"] == 200


RETURNS = """
import json
from flask import Response
from shop import create_app

app = create_app()
app.register_error_handler(Exception, lambda error: Response(status=getattr(error, "code", 500)))
client = app.test_client()
print(json.dumps([client.get("/track/none/pay/return").status_code for _ in range(32)]))
"""


def test_coming_back_asks_the_provider_and_is_limited(tmp_path):
    assert [code == 429 for code in probe(RETURNS, tmp_path)] == [False] * 30 + [True] * 2

"""A wrong setting stops the start with one sentence that says what to set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shop.config import ConfigError, load_settings

ROOT = Path(__file__).parents[1]
KEY = "k" * 32
NAMES = ("DATABASE_URL", "REDIS_URL", "REDIS_PREFIX", "SECRET_KEY", "BASE_URL", "HOST", "PORT", "THREADS",
         "WEB_PROCESSES", "RATE_LIMITS", "LOG_LEVEL",
         "LOG_FORMAT", "TRUSTED_PROXIES", "MAIL_FROM", "ENABLE_REAL_PAYMENTS", "DEPOSIT_PERCENT", "DEPOSIT_FOR",
         "PAYMENT_HOLD_MINUTES", "STRIPE_SECRET_KEY",
         "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE", "PAYPAL_CLIENT_ID",
         "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID", "PAYPAL_API_BASE", "SIMULATOR_URL",
         "PIX_KEY", "PIX_NAME", "PIX_CITY",
         *(f"COMPANY_{part}" for part in ("NAME", "ADDRESS", "VAT_NUMBER", "NUMBER", "CNPJ", "IBAN", "BIC", "BANK",
                                          "EMAIL", "PHONE", "WEBSITE", "LOGO", "PAYMENT_DAYS")))  # fmt: skip
STRIPE_TEST = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1",
               "STRIPE_WEBHOOK_SECRET": "whsec_1"}  # fmt: skip
STRIPE_LIVE = STRIPE_TEST | {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}
PAYPAL = {"PAYPAL_CLIENT_ID": "A1", "PAYPAL_CLIENT_SECRET": "E1", "PAYPAL_WEBHOOK_ID": "W1"}
COMPANY = {"COMPANY_NAME": "Acme Repairs Ltd", "COMPANY_ADDRESS": "1 High Street; Leeds LS1 4AB"}
PIX = {"PIX_KEY": "12.ABC.345/01DE-35", "PIX_NAME": "Reparos São João", "PIX_CITY": "São Paulo"}
NAMELESS = {"ENABLE_REAL_PAYMENTS": "on"}
REAL = NAMELESS | COMPANY

NAMES_ON_REDIS = """
from shop import create_app
from shop.extensions import socketio
from shop.services import redis_client

app = create_app()
with app.app_context():
    print(app.config["RATELIMIT_KEY_PREFIX"], socketio.server_options["client_manager"].channel)
    print(redis_client.queue_name(), redis_client.wake_channel())
"""


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Nothing is set but the data folder."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    return monkeypatch


def test_without_settings_the_shop_runs_alone_on_sqlite(environment, tmp_path):
    settings = load_settings()

    assert (settings.is_sqlite, settings.is_embedded) == (True, True)
    assert settings.DATABASE_URL.removeprefix("sqlite:///") == str(tmp_path / "shop.db")
    assert settings.RATE_LIMITS == "on"


def test_secret_key_is_made_once_and_readable_by_the_owner_only(environment, tmp_path):
    first, second = load_settings().SECRET_KEY, load_settings().SECRET_KEY

    assert first == second
    assert len(first) >= 32
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_addresses_are_taken_as_providers_write_them(environment, scheme):
    environment.setenv("DATABASE_URL", f"{scheme}://shop:word@db.example/shop")
    environment.setenv("SECRET_KEY", KEY)

    assert load_settings().DATABASE_URL == "postgresql+psycopg://shop:word@db.example/shop"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("THREADS", "1"),
        ("WEB_PROCESSES", "abc"),
        ("WEB_PROCESSES", "0"),
        ("REDIS_PREFIX", "a:b"),
        ("REDIS_PREFIX", ""),
        ("TRUSTED_PROXIES", "-1"),
        ("RATE_LIMITS", "maybe"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("BASE_URL", "shop.example.com"),
        ("BASE_URL", "ftp://shop.example.com"),
        ("BASE_URL", "http://"),
        ("BASE_URL", "https://shop.example.com:port"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://127.0.0.1:port/0"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://127.0.0.1/shop"),
        ("DATABASE_URL", "postgresql://127.0.0.1:port/shop"),
        ("SECRET_KEY", "short"),
        ("ENABLE_REAL_PAYMENTS", "perhaps"),
        ("DEPOSIT_PERCENT", "101"),
        ("DEPOSIT_FOR", "express,soon"),
        ("PAYMENT_HOLD_MINUTES", "1"),
        ("STRIPE_API_BASE", "api.stripe.com"),
        ("PAYPAL_API_BASE", "ftp://api-m.paypal.com"),
        ("SIMULATOR_URL", "simulator"),
        ("COMPANY_NAME", ""),
        ("COMPANY_VAT_NUMBER", "GB 123 4567 83"),
        ("COMPANY_CNPJ", "12.ABC.345/01DE-36"),
        ("COMPANY_IBAN", "GB34 BUKB 2020 1555 5555 55"),
        ("COMPANY_LOGO", "/dev/null"),
        ("COMPANY_PAYMENT_DAYS", "365"),
        ("SHOP_DATA", "/dev/null/shop"),
        ("SHOP_DATA", "/dev/null"),
    ],
)
def test_wrong_setting_is_named_in_one_sentence(environment, name, value):
    environment.setenv(name, value)

    with pytest.raises(ConfigError) as stopped:
        load_settings()

    sentence = str(stopped.value)
    assert sentence.startswith(f"Cannot start: {name}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_whoever_names_the_company_names_all_of_it(environment):
    invented = load_settings()
    environment.setenv("COMPANY_NAME", "Acme Repairs Ltd")

    with pytest.raises(ConfigError) as stopped:
        load_settings()
    environment.setenv("COMPANY_ADDRESS", "1 High St; Leeds")
    own = load_settings()

    assert str(stopped.value) == "Cannot start: COMPANY_ADDRESS is missing: set it where COMPANY_NAME is set."
    assert (invented.has_invented_company, own.has_invented_company) == (True, False)
    assert (own.COMPANY_IBAN, own.COMPANY_VAT_NUMBER, own.COMPANY_EMAIL) == ("", "", "")


def test_without_keys_both_providers_are_simulated_under_keys_that_stay(environment):
    environment.setenv("PORT", "8123")

    first, second = load_settings(), load_settings()

    assert first.simulated == {"stripe", "paypal"}
    assert first.online_providers == ("stripe", "paypal")
    assert first.STRIPE_API_BASE == first.PAYPAL_API_BASE == "http://127.0.0.1:8123/simulator"
    assert first.STRIPE_SECRET_KEY.startswith("sk_test_")
    names = [*STRIPE_TEST, *PAYPAL]
    assert [getattr(first, name) for name in names] == [getattr(second, name) for name in names]
    assert len({getattr(first, name) for name in names}) == len(names)
    other = load_settings(SECRET_KEY="o" * 32)
    assert other.STRIPE_SECRET_KEY != first.STRIPE_SECRET_KEY


def test_with_test_keys_a_provider_is_its_own_sandbox_and_the_other_is_simulated(environment):
    settings = load_settings(**STRIPE_TEST)

    assert settings.simulated == {"paypal"}
    assert settings.STRIPE_API_BASE == "https://api.stripe.com"
    assert load_settings(**PAYPAL).PAYPAL_API_BASE == "https://api-m.sandbox.paypal.com"


def test_a_stand_in_is_spoken_to_where_it_is(environment):
    settings = load_settings(**STRIPE_TEST, STRIPE_API_BASE="http://127.0.0.1:8420/")

    assert (settings.simulated, settings.STRIPE_API_BASE) == ({"paypal"}, "http://127.0.0.1:8420")


def test_with_real_payments_a_provider_without_keys_is_not_offered(environment):
    settings = load_settings(**STRIPE_LIVE, **REAL)

    assert (settings.simulated, settings.online_providers) == (frozenset(), ("stripe",))
    assert load_settings(**STRIPE_LIVE, **PAYPAL, **REAL).PAYPAL_API_BASE == "https://api-m.paypal.com"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (STRIPE_LIVE, "STRIPE_SECRET_KEY is a live key"),
        (STRIPE_TEST | {"STRIPE_SECRET_KEY": "rk_live_1"}, "STRIPE_SECRET_KEY is a live key"),
        (STRIPE_TEST | {"STRIPE_PUBLISHABLE_KEY": "pk_live_1"}, "STRIPE_PUBLISHABLE_KEY is a live key"),
        (STRIPE_TEST | REAL, "STRIPE_SECRET_KEY is a test key"),
        (STRIPE_TEST | REAL | {"STRIPE_SECRET_KEY": "rk_test_1"}, "STRIPE_SECRET_KEY is a test key"),
        (STRIPE_LIVE | REAL | {"STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "STRIPE_PUBLISHABLE_KEY is a test key"),
        (STRIPE_LIVE | REAL | {"STRIPE_API_BASE": "http://x.example"}, "STRIPE_API_BASE must start with https://"),
        (STRIPE_TEST | {"STRIPE_SECRET_KEY": "whsec_1"}, "STRIPE_SECRET_KEY does not look like one"),
        (STRIPE_TEST | {"STRIPE_WEBHOOK_SECRET": "sk_test_1"}, "STRIPE_WEBHOOK_SECRET does not look like one"),
        (STRIPE_TEST | {"STRIPE_SECRET_KEY": "sk_test_ж"}, "STRIPE_SECRET_KEY does not look like one"),
        (PAYPAL | {"PAYPAL_CLIENT_ID": "A 1"}, "PAYPAL_CLIENT_ID does not look like one"),
        (PAYPAL | {"PAYPAL_CLIENT_SECRET": "E1\nE2"}, "PAYPAL_CLIENT_SECRET does not look like one"),
        (STRIPE_TEST | {"STRIPE_PUBLISHABLE_KEY": ""}, "STRIPE_PUBLISHABLE_KEY is missing"),
        (STRIPE_TEST | {"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET is missing"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_1"}, "STRIPE_SECRET_KEY is missing"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:1"}, "STRIPE_SECRET_KEY is missing"),
        ({"PAYPAL_CLIENT_ID": "A1"}, "PAYPAL_CLIENT_SECRET is missing"),
        (PAYPAL | {"PAYPAL_WEBHOOK_ID": ""}, "PAYPAL_WEBHOOK_ID is missing"),
        (PAYPAL | {"PAYPAL_API_BASE": "https://api-m.paypal.com"}, "PAYPAL_API_BASE is the live address"),
        (PAYPAL | REAL | {"PAYPAL_API_BASE": "https://api-m.sandbox.paypal.com"}, "PAYPAL_API_BASE is an address for"),
        (STRIPE_LIVE | NAMELESS, "COMPANY_NAME is missing"),
        (PIX, "PIX_KEY is a real account"),
        (PIX | REAL | {"PIX_CITY": ""}, "PIX_CITY is missing"),
        ({"PIX_NAME": "Reparos"}, "PIX_KEY is missing"),
        (PIX | {"PIX_KEY": "12.ABC.345/01DE-36"}, "PIX_KEY: it is no key that a bank gives"),
        (PIX | {"PIX_NAME": "N" * 26}, "PIX_NAME: banks show at most 25 letters"),
        (PIX | {"PIX_CITY": "São José do Rio Preto"}, "PIX_CITY: banks show at most 15 letters"),
    ],
)
def test_keys_that_do_not_fit_stop_the_start_with_one_sentence_that_tells_no_key(environment, given, name):
    for key, value in given.items():
        environment.setenv(key, value)

    with pytest.raises(ConfigError) as stopped:
        load_settings()

    sentence = str(stopped.value)
    assert sentence.startswith(f"Cannot start: {name}")
    assert sentence.endswith(".")
    assert not any(value and value in sentence for key, value in given.items() if key not in REAL)


def test_real_money_without_keys_offers_no_provider_until_the_console_has_some(environment):
    settings = load_settings(**REAL)

    assert (settings.online_providers, settings.simulated) == ((), frozenset())
    with_keys = settings.with_keys(STRIPE_LIVE)
    assert with_keys.online_providers == ("stripe",)
    assert with_keys.COMPANY_IBAN == settings.COMPANY_IBAN == ""


def test_keys_that_are_added_are_judged_like_those_of_the_start(environment):
    settings = load_settings()

    with pytest.raises(ConfigError, match="STRIPE_SECRET_KEY is a live key"):
        settings.with_keys(STRIPE_LIVE)
    assert settings.with_keys(PAYPAL).simulated == {"stripe"}
    assert settings.with_keys(PAYPAL).given_keys("paypal")["PAYPAL_CLIENT_ID"] == "A1"
    assert settings.given_keys("paypal") == {}


def test_settings_do_not_show_their_secrets(environment):
    settings = load_settings(**STRIPE_TEST, **PAYPAL)

    assert not any(secret in repr(settings) for secret in ("sk_test_1", "whsec_1", "'E1'"))


def test_postgresql_needs_a_key_of_its_own(environment):
    environment.setenv("DATABASE_URL", "postgresql://127.0.0.1/shop")

    with pytest.raises(ConfigError) as stopped:
        load_settings()

    assert str(stopped.value) == "Cannot start: SECRET_KEY is missing: set it to 32 or more random characters."


def test_folder_that_cannot_be_written_is_said(environment, tmp_path):
    (tmp_path / "secret_key").mkdir()

    with pytest.raises(ConfigError) as stopped:
        load_settings()

    assert str(stopped.value).startswith("Cannot start: SHOP_DATA cannot be used")


@pytest.mark.parametrize(("name", "word"), [("WEB_PROCESSES", "abc"), ("PORT", "abc")])
@pytest.mark.parametrize("command", [["gunicorn", "--check-config"], ["flask", "--app", "wsgi", "seed"], ["worker.py"]])
def test_every_way_in_stops_with_the_sentence_alone(tmp_path, command, name, word):
    environment = {**os.environ, "SHOP_DATA": str(tmp_path), name: word}
    run = [sys.executable, *(["-m"] if command[0] != "worker.py" else []), *command]

    answer = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.splitlines() == [
        f"Cannot start: {name}: Input should be a valid integer, unable to parse string as an integer."
    ]


def test_shop_that_shares_its_redis_has_names_of_its_own(tmp_path):
    environment = {
        **os.environ, "SHOP_DATA": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": "redis://127.0.0.1:1/0",
        "REDIS_PREFIX": "north", "LOG_LEVEL": "ERROR",
    }  # fmt: skip
    run = [sys.executable, "-c", NAMES_ON_REDIS]

    answer = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)

    assert answer.stdout.split() == ["north", "north:live", "north", "north:wake"]


def test_database_that_does_not_answer_is_said_in_one_sentence(tmp_path):
    environment = {
        **os.environ, "SHOP_DATA": str(tmp_path), "DATABASE_URL": "postgresql://shop:hush@127.0.0.1:1/shop",
        "SECRET_KEY": KEY, "REDIS_URL": "",
    }  # fmt: skip
    run = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]

    answer = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert answer.returncode == 1
    assert answer.stderr.startswith("Cannot start: set DATABASE_URL to a database that answers (")
    assert len(answer.stderr.splitlines()) == 1
    assert "hush" not in answer.stderr


def test_pix_key_of_the_demo_is_nobodys_and_is_gone_with_real_money(environment):
    demo = load_settings()
    for key, value in (STRIPE_LIVE | REAL).items():
        environment.setenv(key, value)

    assert (demo.PIX_KEY, demo.PIX_NAME) == ("123e4567-e12b-12d1-a456-426655440000", "REVIVATECH TESTE")
    assert (load_settings().PIX_KEY, load_settings().PIX_NAME) == ("", "")


def test_pix_alone_is_a_way_to_take_real_money(environment):
    for key, value in (PIX | REAL).items():
        environment.setenv(key, value)

    settings = load_settings()

    assert (settings.PIX_KEY, settings.PIX_NAME, settings.PIX_CITY) == (
        "12ABC34501DE35", "Reparos Sao Joao", "Sao Paulo",
    )  # fmt: skip
    assert settings.online_providers == ()

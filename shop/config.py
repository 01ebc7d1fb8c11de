"""Settings from the environment, checked at start. A wrong one stops the start with a sentence on what to set."""

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop.models.pix import LONGEST_CITY, LONGEST_NAME, plain_text, read_key
from shop.models.tax_numbers import is_cnpj, is_gb_vat_number, is_iban

LARGEST_LOGO = 64 * 1024


class ConfigError(SystemExit):
    """Stops the process with one sentence and no traceback."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=None, extra="ignore", case_sensitive=True)

    SHOP_DATA: Path = Field(default=Path("instance"))
    DATABASE_URL: str = ""
    REDIS_URL: str = ""
    REDIS_PREFIX: str = "shop"
    SECRET_KEY: str = ""
    BASE_URL: str = "http://127.0.0.1:8000"
    HOST: str = "127.0.0.1"
    PORT: int = Field(default=8000, ge=1, le=65535)
    THREADS: int = Field(default=120, ge=4, le=2000)
    WEB_PROCESSES: int = Field(default=1, ge=1, le=64)
    RATE_LIMITS: Literal["on", "off"] = "on"
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    LOG_FORMAT: Literal["json", "text"] = "json"
    TRUSTED_PROXIES: int = Field(default=0, ge=0, le=5)
    MAIL_FROM: str = "RevivaTech <repairs@revivatech.example>"
    # Who issues invoices. These are invented; whoever sets the name sets all of them: what is not set then is empty.
    # Lines of the address are parted by `;`.
    COMPANY_NAME: str = Field(default="RevivaTech Ltd", min_length=1, max_length=120)
    COMPANY_ADDRESS: str = Field(
        default="14 Weaver’s Yard; London E2 7JP; United Kingdom", min_length=1, max_length=300
    )
    COMPANY_VAT_NUMBER: str = "GB 123 4567 82"
    COMPANY_NUMBER: str = Field(default="12345678", max_length=30)
    COMPANY_CNPJ: str = "12.ABC.345/01DE-35"
    COMPANY_IBAN: str = "GB33 BUKB 2020 1555 5555 55"
    COMPANY_BIC: str = Field(default="BUKBGB22", max_length=11)
    COMPANY_BANK: str = Field(default="Example Bank", max_length=80)
    COMPANY_EMAIL: str = Field(default="accounts@revivatech.example", max_length=254)
    COMPANY_PHONE: str = Field(default="020 7946 0418", max_length=32)
    COMPANY_WEBSITE: str = Field(default="revivatech.example", max_length=120)
    COMPANY_LOGO: str = ""
    COMPANY_PAYMENT_DAYS: int = Field(default=14, ge=0, le=90)

    ENABLE_REAL_PAYMENTS: bool = False
    DEPOSIT_PERCENT: int = Field(default=25, ge=0, le=100)
    DEPOSIT_FOR: str = "express,same_day"
    PAYMENT_HOLD_MINUTES: int = Field(default=30, ge=5, le=1440)
    # Far beyond the days for which providers send an event again.
    PAYMENT_LOG_MONTHS: int = Field(default=18, ge=3, le=120)
    STRIPE_SECRET_KEY: str = Field(default="", repr=False)
    STRIPE_PUBLISHABLE_KEY: str = ""
    STRIPE_WEBHOOK_SECRET: str = Field(default="", repr=False)
    STRIPE_API_BASE: str = ""
    PAYPAL_CLIENT_ID: str = ""
    PAYPAL_CLIENT_SECRET: str = Field(default="", repr=False)
    PAYPAL_WEBHOOK_ID: str = ""
    PAYPAL_API_BASE: str = ""
    SIMULATOR_URL: str = ""
    PIX_KEY: str = ""
    PIX_NAME: str = ""
    PIX_CITY: str = ""
    _simulated: frozenset[str] = PrivateAttr(default=frozenset())

    @field_validator("BASE_URL")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = _address(value)
        if parts is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise ValueError("start it with http:// or https://, such as https://shop.example.com")
        return value.rstrip("/")

    @field_validator("STRIPE_API_BASE", "PAYPAL_API_BASE", "SIMULATOR_URL")
    @classmethod
    def _absolute_if_set(cls, value: str) -> str:
        return cls._absolute(value) if value else ""

    @field_validator("REDIS_URL")
    @classmethod
    def _redis(cls, value: str) -> str:
        parts = _address(value)
        if value and (parts is None or parts.scheme not in {"redis", "rediss"}):
            raise ValueError("start it with redis:// or rediss://, such as redis://127.0.0.1:6379/0")
        return value

    @field_validator("DEPOSIT_FOR")
    @classmethod
    def _urgencies(cls, value: str) -> str:
        known = ("standard", "express", "same_day")
        if any(word.strip() not in ("", *known) for word in value.split(",")):
            raise ValueError(f"name urgencies between commas, of {', '.join(known)}; leave it empty for no deposit")
        return value

    @field_validator("REDIS_PREFIX")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", value):
            raise ValueError("use 1 to 40 letters, digits and underscores, such as shop_north")
        return value

    @field_validator("COMPANY_VAT_NUMBER")
    @classmethod
    def _vat_number(cls, value: str) -> str:
        if value.strip() and not is_gb_vat_number(value):
            raise ValueError("its check digits are wrong: copy it from the VAT certificate, such as GB 123 4567 82")
        return value.strip()

    @field_validator("COMPANY_CNPJ")
    @classmethod
    def _cnpj(cls, value: str) -> str:
        if value.strip() and not is_cnpj(value):
            raise ValueError("its check digits are wrong: write it like 12.ABC.345/01DE-35")
        return value.strip()

    @field_validator("COMPANY_IBAN")
    @classmethod
    def _iban(cls, value: str) -> str:
        if value.strip() and not is_iban(value):
            raise ValueError("its check digits are wrong: copy it from the bank, such as GB33 BUKB 2020 1555 5555 55")
        return value.strip()

    @field_validator("PIX_KEY")
    @classmethod
    def _pix_key(cls, value: str) -> str:
        key = read_key(value)
        if value.strip() and key is None:
            raise ValueError(
                "it is no key that a bank gives: use the CPF, the CNPJ, an e-mail, a phone such as +5511987654321, "
                "or the random key"
            )
        return key or ""

    @field_validator("PIX_NAME")
    @classmethod
    def _pix_name(cls, value: str) -> str:
        return _for_banks(value, LONGEST_NAME)

    @field_validator("PIX_CITY")
    @classmethod
    def _pix_city(cls, value: str) -> str:
        return _for_banks(value, LONGEST_CITY)

    @field_validator("COMPANY_LOGO")
    @classmethod
    def _logo(cls, value: str) -> str:
        path = Path(value)
        if value and (path.suffix != ".svg" or not path.is_file() or path.stat().st_size > LARGEST_LOGO):
            raise ValueError(f"name an SVG file of at most {LARGEST_LOGO // 1024} KB")
        return value

    @model_validator(mode="after")
    def _company(self):
        """Nothing invented stands beside the name of a real company, its bank account least of all."""
        if self.has_invented_company:
            return self
        for name in type(self).model_fields:
            if name.startswith("COMPANY_") and name != "COMPANY_PAYMENT_DAYS" and name not in self.model_fields_set:
                setattr(self, name, "")
        if not self.COMPANY_ADDRESS:
            raise ValueError("COMPANY_ADDRESS is missing: set it where COMPANY_NAME is set")
        return self

    @model_validator(mode="after")
    def _database(self):
        self.SHOP_DATA = _data_folder(self.SHOP_DATA)
        self.DATABASE_URL = _database_url(self.DATABASE_URL, self.SHOP_DATA)
        if not self.SECRET_KEY:
            if not self.is_sqlite:
                raise ValueError("SECRET_KEY is missing: set it to 32 or more random characters")
            self.SECRET_KEY = _kept_secret(self.SHOP_DATA)
        if len(self.SECRET_KEY) < 32:
            raise ValueError("SECRET_KEY is too short: set it to 32 or more random characters")
        return self

    @model_validator(mode="after")
    def _payments(self):
        """Each provider is real, or simulated under keys of our own; with real payments, real or not offered."""
        for names in PROVIDER_KEYS.values():
            _refuse_half({name: getattr(self, name) for name in names})
        if not self.SIMULATOR_URL:
            host = "127.0.0.1" if self.HOST in ("", "0.0.0.0", "::") else self.HOST  # noqa: S104 - compared, not bound
            self.SIMULATOR_URL = f"http://{host}:{self.PORT}/simulator"
        _check_stripe(self)
        _check_paypal(self)
        _check_pix(self)
        if self.ENABLE_REAL_PAYMENTS and self.has_invented_company:
            raise ValueError("COMPANY_NAME is missing: real payments need a real name on their receipts and invoices")
        if not self.ENABLE_REAL_PAYMENTS:
            self._simulate()
        self.STRIPE_API_BASE = self.STRIPE_API_BASE or "https://api.stripe.com"
        self.PAYPAL_API_BASE = self.PAYPAL_API_BASE or _paypal_host(self.ENABLE_REAL_PAYMENTS)
        return self

    def _simulate(self) -> None:
        """Keys made from SECRET_KEY, so that all processes of one shop have the same, also after a restart."""
        simulated = set()
        if not self.STRIPE_SECRET_KEY:
            simulated.add("stripe")
            self.STRIPE_SECRET_KEY = f"sk_test_{self._derived('stripe secret')}"
            self.STRIPE_PUBLISHABLE_KEY = f"pk_test_{self._derived('stripe publishable')}"
            self.STRIPE_WEBHOOK_SECRET = f"whsec_{self._derived('stripe webhooks')}"
            self.STRIPE_API_BASE = self.SIMULATOR_URL
        if not self.PAYPAL_CLIENT_ID:
            simulated.add("paypal")
            self.PAYPAL_CLIENT_ID = f"A{self._derived('paypal client')}"
            self.PAYPAL_CLIENT_SECRET = f"E{self._derived('paypal secret')}"
            self.PAYPAL_WEBHOOK_ID = self._derived("paypal webhooks")[:17].upper()
            self.PAYPAL_API_BASE = self.SIMULATOR_URL
        self._simulated = frozenset(simulated)
        self.PIX_KEY, self.PIX_NAME, self.PIX_CITY = _INVENTED_PIX

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.SECRET_KEY.encode(), f"simulator: {purpose}".encode(), hashlib.sha256).hexdigest()[:40]

    @property
    def simulated(self) -> frozenset[str]:
        """The providers that are played by the simulator: nobody pays anything."""
        return self._simulated

    def given_keys(self, provider: str) -> dict[str, str]:
        """What the environment says of a provider; empty where it leaves it to the console or to the simulator."""
        names = PROVIDER_KEYS[provider]
        is_given = provider in self.online_providers and provider not in self._simulated
        return {name: getattr(self, name) for name in names} if is_given else {}

    def with_keys(self, keys: dict[str, str]) -> "Settings":
        """The same with these settings of providers, judged like those of the environment. Raises ConfigError."""
        left_open = {name for one, names in PROVIDER_KEYS.items() if not self.given_keys(one) for name in names}
        if not self.ENABLE_REAL_PAYMENTS:
            # Made at the start, and made again.
            left_open |= set(_PIX)
        own = {name: getattr(self, name) for name in self.model_fields_set - left_open}
        return load_settings(**own | keys)

    @property
    def deposit_for(self) -> frozenset[str]:
        """The urgencies that need a deposit."""
        return frozenset(filter(None, (word.strip() for word in self.DEPOSIT_FOR.split(","))))

    @property
    def online_providers(self) -> tuple[str, ...]:
        """The providers that customers can pay with, in the order in which they are offered."""
        keys = {"stripe": self.STRIPE_SECRET_KEY, "paypal": self.PAYPAL_CLIENT_ID}
        return tuple(name for name, key in keys.items() if key)

    @property
    def is_sqlite(self) -> bool:
        return self.DATABASE_URL.startswith("sqlite")

    @property
    def has_invented_company(self) -> bool:
        return "COMPANY_NAME" not in self.model_fields_set

    @property
    def is_embedded(self) -> bool:
        """True when jobs and live updates run inside the web process, without Redis."""
        return not self.REDIS_URL


# The settings of each provider; the last, its address, may be left out.
PROVIDER_KEYS = {
    "stripe": ("STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE"),
    "paypal": ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID", "PAYPAL_API_BASE"),
}
_PIX = ("PIX_KEY", "PIX_NAME", "PIX_CITY")
# The key of the examples in the Banco Central's manual: it is nobody's.
_INVENTED_PIX = ("123e4567-e12b-12d1-a456-426655440000", "REVIVATECH TESTE", "SAO PAULO")
_PAYPAL_LIVE, _PAYPAL_SANDBOX = "https://api-m.paypal.com", "https://api-m.sandbox.paypal.com"


def load_settings(**overrides) -> Settings:
    """Settings from the environment and `overrides`; raises ConfigError with one sentence."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0] if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"Cannot start: {name + ': ' if name else ''}{reason}.") from None


def _address(text: str) -> SplitResult | None:
    """The parts of an address; None if it names no host, or a port that is no number."""
    try:
        parts = urlsplit(text)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _refuse_half(values: dict[str, str]) -> None:
    """A provider has all its keys or none; the address (last) may be left out."""
    *keys, _address_name = values
    missing = [name for name in keys if not values[name]]
    given = [name for name, value in values.items() if value]
    if missing and given:
        raise ValueError(f"{missing[0]} is missing: set it too, or leave {given[0]} out to have payments simulated")


def _check_stripe(settings: "Settings") -> None:
    real = settings.ENABLE_REAL_PAYMENTS
    shapes = {
        "STRIPE_SECRET_KEY": (r"[sr]k_(live|test)_\w+", "sk_test_… or sk_live_…"),
        "STRIPE_PUBLISHABLE_KEY": (r"pk_(live|test)_\w+", "pk_test_… or pk_live_…"),
        "STRIPE_WEBHOOK_SECRET": (r"whsec_\S+", "whsec_…"),
    }
    for name, (shape, example) in shapes.items():
        key = getattr(settings, name)
        if key and not re.fullmatch(shape, key, re.ASCII):
            raise ValueError(f"{name} does not look like one: copy it from Stripe, it begins with {example}")
        if "_live_" in key[:8] and not real:
            raise ValueError(f"{name} is a live key: set ENABLE_REAL_PAYMENTS=on to take real money, or a test key")
        if "_test_" in key[:8] and real:
            raise ValueError(f"{name} is a test key, but ENABLE_REAL_PAYMENTS is on: set the live key, or turn it off")
    if real and settings.STRIPE_API_BASE and not settings.STRIPE_API_BASE.startswith("https://"):
        raise ValueError("STRIPE_API_BASE must start with https:// when ENABLE_REAL_PAYMENTS is on")


def _check_paypal(settings: "Settings") -> None:
    """PayPal's keys do not say whether they are live: the address does."""
    real, base = settings.ENABLE_REAL_PAYMENTS, settings.PAYPAL_API_BASE
    for name in PROVIDER_KEYS["paypal"][:-1]:
        if not re.fullmatch(r"[!-~]*", getattr(settings, name)):
            raise ValueError(f"{name} does not look like one: copy it from PayPal, without spaces or line breaks")
    host = urlsplit(base).hostname or ""
    if host in ("api-m.paypal.com", "api.paypal.com") and not real:
        raise ValueError(
            "PAYPAL_API_BASE is the live address: set ENABLE_REAL_PAYMENTS=on to take real money, "
            f"or use {_PAYPAL_SANDBOX}"
        )
    if base and real and ("sandbox" in host or not base.startswith("https://")):
        raise ValueError(
            "PAYPAL_API_BASE is an address for tests, but ENABLE_REAL_PAYMENTS is on: leave it out, or turn it off"
        )


def _check_pix(settings: "Settings") -> None:
    """Pix has no test mode: a key is somebody's bank account."""
    missing = [name for name in _PIX if not getattr(settings, name)]
    if missing and len(missing) < len(_PIX):
        raise ValueError(f"{missing[0]} is missing: Pix needs all of {', '.join(_PIX)}")
    if not missing and not settings.ENABLE_REAL_PAYMENTS:
        raise ValueError("PIX_KEY is a real account: set ENABLE_REAL_PAYMENTS=on to take real money, or leave it out")


def _for_banks(value: str, most: int) -> str:
    """A name for the apps of banks, without accents."""
    text = plain_text(value)
    if len(text) > most or not text.isascii() or not text.isprintable():
        raise ValueError(f"banks show at most {most} letters of the alphabet here: shorten it")
    return text


def _paypal_host(real: bool) -> str:
    return _PAYPAL_LIVE if real else _PAYPAL_SANDBOX


def _database_url(url: str, data: Path) -> str:
    if not url:
        return f"sqlite:///{data / 'shop.db'}"
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url.removeprefix(prefix)
    try:
        backend = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):
        backend = ""
    if backend not in {"postgresql", "sqlite"}:
        raise ValueError(
            "DATABASE_URL must be a PostgreSQL or SQLite address, such as postgresql://user:password@host/shop"
        )
    return url


def _data_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_such_folder(error) from None
    return path.resolve()


def _kept_secret(data: Path) -> str:
    """A random key made once per data folder, so that sign-ins survive a restart. A second call is harmless."""
    path = data / "secret_key"
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(48))
        return path.read_text().strip()
    except OSError as error:
        raise _no_such_folder(error) from None


def _no_such_folder(error: OSError) -> ValueError:
    return ValueError(f"SHOP_DATA cannot be used ({error.strerror}): set it to a folder that can be written")

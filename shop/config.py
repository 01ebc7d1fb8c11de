"""Settings from the environment, checked at start. A wrong one stops the start with a sentence on what to set."""

import re
import secrets
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

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

    @field_validator("BASE_URL")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = _address(value)
        if parts is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise ValueError("start it with http:// or https://, such as https://shop.example.com")
        return value.rstrip("/")

    @field_validator("REDIS_URL")
    @classmethod
    def _redis(cls, value: str) -> str:
        parts = _address(value)
        if value and (parts is None or parts.scheme not in {"redis", "rediss"}):
            raise ValueError("start it with redis:// or rediss://, such as redis://127.0.0.1:6379/0")
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

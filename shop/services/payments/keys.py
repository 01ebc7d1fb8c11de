"""The keys under which the providers know us: from the environment, else from the database, where they are encrypted.

What the environment says of a provider wins. Whatever asks a provider, or checks what it sent, asks `in_use` for the
settings, which are those of the start with the keys of the database in them.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from cryptography.fernet import InvalidToken
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import Row, select

from shop import database
from shop.config import PROVIDER_KEYS, ConfigError, Settings
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.payment import Provider
from shop.models.provider_keys import ProviderKeys
from shop.services import vault
from shop.services.events import hold, record
from shop.services.statements import insert_if_absent

# Other processes take a change up after so long.
LOOK_EVERY_SECONDS = 5.0
RIGHT = "provider.keys"
_NAME = "shop_provider_keys"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Seen:
    """What this process knows of the table."""

    versions: tuple = ()
    settings: Settings | None = None
    troubles: dict[str, str] = field(default_factory=dict)
    looks_again: float = 0.0
    has_looked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Where one provider's keys are. `source`: environment, console, simulator, or none: it is not offered.

    `trouble` says why keys that are kept cannot be used.
    """

    provider: Provider
    source: str
    ending: str = ""
    changed_by: int | None = None
    changed_at: datetime | None = None
    trouble: str = ""


def in_use() -> Settings:
    """The settings with the keys that are kept, as they were at most LOOK_EVERY_SECONDS ago."""
    return _seen().settings or current_app.config["SETTINGS"]


def look_now() -> Settings:
    """The settings with the keys that are kept, as they are at this moment. One statement."""
    look_again()
    return in_use()


def look_again() -> None:
    """Has this process look before it uses a key: call it after the commit of a change."""
    _known().looks_again = 0.0


def held() -> list[Held]:
    """Of each provider, in the order in which they are offered."""
    settings, seen = in_use(), _seen()
    rows = {row.provider: row for row in db.session.scalars(select(ProviderKeys))}
    return [_held(Provider(name), settings, rows.get(name), seen.troubles.get(name, "")) for name in PROVIDER_KEYS]


def save(provider: Provider | str, keys: dict[str, str], *, actor: Actor) -> None:
    """Keeps all keys of a provider in the place of those before; the caller commits, then calls `look_again`.

    Raises NotAllowed; Invalid for keys that are no keys, are of the other mode, or cannot count since the environment
    has some.
    """
    actor.require(RIGHT)
    names = PROVIDER_KEYS[provider]
    if current_app.config["SETTINGS"].given_keys(provider):
        raise Invalid({names[0]: _("The environment sets the keys of this provider. Change them there.")})
    given = {name: keys.get(name, "").strip() for name in names}
    faults = {name: _("Copy it from the provider's page.") for name in names[:-1] if not given[name]}
    if faults:
        raise Invalid(faults)
    kept = {name: value for name, value in given.items() if value}
    try:
        current_app.config["SETTINGS"].with_keys(kept)
    except ConfigError as error:
        sentence = str(error).removeprefix("Cannot start: ")
        raise Invalid({next((name for name in names if name in sentence), names[0]): sentence}) from None
    secret = names[0] if provider == Provider.STRIPE else names[1]
    _write(provider, vault.encrypt(json.dumps(kept)), kept[secret][-4:], actor, verb="provider_key.set")


def remove(provider: Provider | str, *, actor: Actor) -> None:
    """Takes the keys away; the caller commits, then calls `look_again`. A second call changes nothing more."""
    actor.require(RIGHT)
    _write(provider, b"", "", actor, verb="provider_key.removed")


def _write(provider: Provider | str, sealed: bytes, ending: str, actor: Actor, *, verb: str) -> None:
    values = {"provider": str(provider), "sealed": b"", "ending": "", "changed_at": utc_now(), "version": 0}
    db.session.execute(insert_if_absent(ProviderKeys, unique=["provider"], values=values))
    locked = select(ProviderKeys).where(ProviderKeys.provider == str(provider)).with_for_update()
    row = db.session.scalars(locked.execution_options(populate_existing=True)).one()
    if not sealed and not row.sealed:
        return
    hold(row)
    row.sealed, row.ending, row.changed_by, row.changed_at = sealed, ending, actor.id, utc_now()
    record(verb, row, actor=actor, body={"provider": str(provider)})


def _held(provider: Provider, settings: Settings, row: ProviderKeys | None, trouble: str) -> Held:
    given = current_app.config["SETTINGS"].given_keys(provider)
    if given:
        secret = PROVIDER_KEYS[provider][0 if provider == Provider.STRIPE else 1]
        return Held(provider=provider, source="environment", ending=given[secret][-4:])
    if row is not None and row.sealed:
        return Held(
            provider=provider, source="console", ending=row.ending, changed_by=row.changed_by,
            changed_at=row.changed_at, trouble=trouble,
        )  # fmt: skip
    return Held(provider=provider, source="simulator" if provider in settings.simulated else "none")


def _known() -> _Seen:
    return current_app.extensions.setdefault(_NAME, _Seen())


def _seen() -> _Seen:
    """At first every thread looks by itself; later one looks, and the others go on meanwhile."""
    seen, now = _known(), time.monotonic()
    if now < seen.looks_again:
        return seen
    if seen.has_looked:
        seen.looks_again = now + LOOK_EVERY_SECONDS
    try:
        _look(seen)
    except Exception:
        seen.looks_again = 0.0
        raise
    seen.looks_again, seen.has_looked = now + LOOK_EVERY_SECONDS, True
    return seen


def _look(seen: _Seen) -> None:
    rows = _rows()
    versions = tuple((row.provider, row.version) for row in rows)
    if versions != seen.versions:
        seen.settings, seen.troubles = _with_kept({row.provider: row.sealed for row in rows if row.sealed})
        seen.versions = versions


def _rows() -> Sequence[Row]:
    """In the transaction of the caller, if there is one: who holds a connection does not ask for another."""
    query = select(ProviderKeys.provider, ProviderKeys.version, ProviderKeys.sealed).order_by(ProviderKeys.provider)
    session = db.session()
    if session.in_transaction():
        with session.no_autoflush:
            return session.execute(query).all()
    with database.reading(), db.engine.connect() as connection:
        return connection.execute(query).all()


def _with_kept(sealed: dict[str, bytes]) -> tuple[Settings | None, dict[str, str]]:
    """The settings with those keys that can be read and used, and why others cannot; None where there are none."""
    settings: Settings = current_app.config["SETTINGS"]
    usable: dict[str, str] = {}
    troubles: dict[str, str] = {}
    for provider, token in sealed.items():
        if settings.given_keys(provider):
            continue
        try:
            keys = json.loads(vault.decrypt(token))
            settings.with_keys(usable | keys)
            usable |= keys
        except InvalidToken:
            troubles[provider] = "SECRET_KEY is another one than when they were entered: enter them again."
        except ConfigError as error:
            troubles[provider] = str(error).removeprefix("Cannot start: ")
        if provider in troubles:
            log.warning("provider_keys_unusable", provider=provider)
    return (settings.with_keys(usable) if usable else None), troubles

"""Stored rule sets and quotes. The arithmetic is in `price_engine`."""

import json
import secrets
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.money import Money


class RuleSet(db.Model):
    """One version of the price list. A published version is never changed, only superseded.

    `currency` is what the rules are written in. `rates` (JSON) gives millionths of one major unit of
    each currency for one of ours, `taxes` (JSON) the VAT of each country in basis points or null
    where the shop does not split it.
    """

    __tablename__ = "rule_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(12), default="draft", index=True)
    currency: Mapped[str] = mapped_column(String(3))
    rates: Mapped[str] = mapped_column(Text)
    taxes: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    rules: Mapped[list["PriceRule"]] = relationship(
        back_populates="rule_set", order_by="PriceRule.position", cascade="all, delete-orphan"
    )


class PriceRule(db.Model):
    """One line of a rule set. `conditions` and `effect` are JSON; `label` is an English msgid."""

    __tablename__ = "price_rules"
    __table_args__ = (UniqueConstraint("rule_set_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_set_id: Mapped[int] = mapped_column(ForeignKey("rule_sets.id"), index=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    scope: Mapped[str] = mapped_column(String(8))
    code: Mapped[str] = mapped_column(String(80))
    label: Mapped[str] = mapped_column(String(160))
    conditions: Mapped[str] = mapped_column(Text, default="{}")
    effect: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stacking_group: Mapped[str] = mapped_column(String(40), default="")
    stacking: Mapped[str] = mapped_column(String(8), default="stack")

    rule_set: Mapped[RuleSet] = relationship(back_populates="rules")


def new_quote_token() -> str:
    return secrets.token_urlsafe(24)


class Quote(db.Model):
    """A price already promised: facts and result as they were, whatever the rules become (A5)."""

    __tablename__ = "quotes"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(40), unique=True, default=new_quote_token)
    facts: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    total: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    rule_set_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @property
    def money(self) -> Money:
        return Money(self.total, self.currency)

    @property
    def facts_dict(self) -> dict:
        return json.loads(self.facts)

    def is_expired(self, *, at: datetime) -> bool:
        return at >= self.expires_at

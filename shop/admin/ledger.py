"""The books: balances, transactions, the file for the accountant, the check, and the comparison with the providers."""

import json
from collections.abc import Iterator
from datetime import date, timedelta

from flask import Response, flash, redirect, request, stream_with_context, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import to_user_timezone

from shop.admin.access import requires
from shop.admin.cells import MARK, line
from shop.admin.console import ConsoleView, show
from shop.admin.forms import list_filters, place
from shop.admin.money import WAYS
from shop.extensions import db
from shop.locales import select_timezone
from shop.models.base import utc_now
from shop.models.errors import ProviderDown, ProviderRefused
from shop.models.ledger import Account, Kind
from shop.models.money import plain_money
from shop.services import ledger, ledger_check, ledger_view
from shop.services.ledger_view import Filters
from shop.services.openings import read_date
from shop.services.payments import keys
from shop.services.payments.reconcile import reconcile

ACCOUNTS = {
    Account.CUSTOMER: _l("Customers"),
    Account.CASH: _l("Cash"),
    Account.STRIPE: _l("Stripe"),
    Account.PAYPAL: _l("PayPal"),
    Account.TERMINAL: _l("Card terminal"),
    Account.BANK: _l("Bank"),
    Account.FEES: _l("Fees"),
    Account.REVENUE: _l("Sales"),
    Account.TAX: _l("VAT"),
    Account.REFUNDS: _l("Sales given back"),
    Account.DISPUTES: _l("Disputed"),
    Account.ROUNDING: _l("Rounding"),
}
KINDS = {
    Kind.PAYMENT: _l("Payment"),
    Kind.FEE: _l("Fee"),
    Kind.REFUND: _l("Given back"),
    Kind.REFUND_FAILED: _l("Could not be given back"),
    Kind.DISPUTE: _l("Taken back by the bank"),
    Kind.DISPUTE_WON: _l("Dispute won"),
    Kind.DISPUTE_LOST: _l("Dispute lost"),
    Kind.PAYOUT: _l("To the bank"),
    Kind.INVOICE: _l("Invoice"),
    Kind.CREDIT_NOTE: _l("Credit note"),
    Kind.DRAWER: _l("Till"),
    Kind.CORRECTION: _l("Correction"),
}
_COLUMNS = ("time", "transaction", "kind", "ticket", "account", "debit", "credit", "currency", "memo")


class LedgerView(ConsoleView):
    @expose("/")
    @requires("ledger.view")
    def index(self):
        filters, faults = _asked()
        before = place("before")
        return show(
            "admin/ledger/page.html", status=422 if faults else 200, filters=filters, faults=faults,
            accounts=ACCOUNTS, kinds=KINDS, before=before,
            page=ledger_view.read_page(filters, zone=select_timezone(), before=before), balances=_balances(),
        )  # fmt: skip

    @expose("/verify", methods=["POST"])
    @requires("ledger.view")
    def verify(self):
        """Tries every rule of the books; what it breaks to see whether it may be broken is undone."""
        wrong = ledger_check.verify()
        db.session.rollback()
        return show("admin/ledger/verified.html", wrong=wrong)

    @expose("/export")
    @requires("ledger.view")
    def export(self):
        filters, _faults = _asked()
        body = stream_with_context(_file(filters))
        headers = {"Content-Disposition": f"attachment; filename=ledger-{to_user_timezone(utc_now()):%Y-%m-%d}.csv"}
        return Response(body, mimetype="text/csv", headers=headers)

    @expose("/reconciliation")
    @requires("ledger.view")
    def reconciliation(self):
        runs = [(run, json.loads(run.differences)) for run in ledger_view.last_runs()]
        yesterday = utc_now().date() - timedelta(days=1)
        providers = keys.in_use().online_providers
        return show("admin/ledger/reconciliation.html", runs=runs, ways=WAYS, providers=providers, yesterday=yesterday)

    @expose("/reconciliation/run", methods=["POST"])
    @requires("ledger.view")
    def compare(self):
        day, provider = read_date(request.form.get("day", "")), request.form.get("provider", "")
        if day is None or day > utc_now().date() or provider not in keys.in_use().online_providers:
            flash(_("Choose a provider, and a day that has begun."), "error")
        else:
            _compare(provider, day)
        return redirect(url_for("ledger.reconciliation"), 303)


def _compare(provider: str, day: date) -> None:
    db.session.rollback()
    try:
        found = reconcile(provider, day).found
    except (ProviderDown, ProviderRefused) as error:
        db.session.rollback()
        flash(error.message, "error")
        return
    flash(_("Compared: everything agrees.") if not found else _("Compared: it differs, see below."), "success")


def _asked() -> tuple[Filters, dict[str, str]]:
    """What of the address can be used, and what is wrong with the rest, by field."""
    found, faults = list_filters(Filters.__dataclass_fields__, {"account": list(Account), "kind": list(Kind)})
    return Filters(**{**found, "ticket": found["ticket"].upper()}), faults


def _balances() -> dict[str, list[tuple[str, int]]]:
    """Currency -> accounts with what stands on them, in the order of ACCOUNTS."""
    found = ledger.balances()
    currencies = sorted({currency for _account, currency in found})
    return {
        currency: [(account, found[account, currency]) for account in ACCOUNTS if (account, currency) in found]
        for currency in currencies
    }


def _file(filters: Filters) -> Iterator[str]:
    yield MARK + line(_COLUMNS)
    for at, key, kind, ticket, account, amount, currency, memo in ledger_view.read_lines(
        filters, zone=select_timezone()
    ):
        sides = [plain_money(abs(amount), currency), ""]
        debit, credit = sides if amount > 0 else reversed(sides)
        yield line(
            (f"{to_user_timezone(at):%Y-%m-%d %H:%M}", key, kind, ticket, account, debit, credit, currency, memo)
        )


def init_app(admin: Admin) -> None:
    admin.add_view(LedgerView("Ledger", path="ledger"))

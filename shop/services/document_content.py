"""What stands on a document, in the words of its language: made once, when it is issued, and kept as JSON.

Nothing here is worked out again when the document is looked at, so nothing that changes later changes it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_percent
from flask_babel import gettext as _

from shop.models.company import Company
from shop.models.document import DocumentKind
from shop.models.invoicing import BRAZIL, Buyer, Line, Totals, due_on
from shop.models.money import Money, format_money
from shop.models.payment import Payment, Provider, Purpose
from shop.models.repair import Repair
from shop.services import pdf
from shop.services.pix import Receiver


@dataclass(frozen=True, slots=True)
class Frame:
    """What every document says: who to whom, about what, when, in which language. `link` is where it can be paid.

    `pix` is who gets what is paid by Pix, None where that is not offered.
    """

    kind: DocumentKind
    number: str
    company: Company
    buyer: Buyer
    repair: Repair
    country: str
    locale: str
    issued_at: datetime
    link: str
    pix: Receiver | None = None

    @property
    def day(self) -> date:
        """By the branch's clock."""
        return self.issued_at.astimezone(ZoneInfo(self.repair.location.zone)).date()

    def money(self, amount: int) -> str:
        return format_money(Money(amount, self.repair.currency), _regional(self.locale))

    def date(self, day: date, form: str = "long") -> str:
        return format_date(day, form, locale=_regional(self.locale))


def invoice(frame: Frame, lines: Sequence[Line], figures: Totals, *, paid: Sequence[tuple[str, int]], reverse: bool):
    """`paid` are (words, amount) of what the customer has paid so far."""
    due = figures.gross - sum(amount for _words, amount in paid)
    last = due_on(frame.day, days=frame.company.payment_days)
    pay_by = frame.date(last) if frame.company.payment_days else _("at once")
    return {
        **_common(frame, figures),
        "facts": [
            [_("Issued"), frame.date(frame.day)],
            *([[_("Pay by"), pay_by]] if due > 0 else []),
            *_about(frame),
        ],
        **_table(frame, lines),
        "rates": _rates(frame, figures),
        "totals": [
            [_("Total, including VAT") if figures.tax else _("Total"), frame.money(figures.gross)],
            *([words, frame.money(-amount)] for words, amount in paid),
        ],
        "due": [_("To pay"), frame.money(due)] if due >= 0 else [_("Yours to get back"), frame.money(-due)],
        "stamp": _stamp(_("Pay by %(day)s", day=pay_by) if frame.company.payment_days else _("To pay"), "warn")
        if due > 0
        else _stamp(_("Paid"), "ok"),
        "pay": _pay(frame, due) if due > 0 else None,
        "bank": _bank(frame) if due > 0 else None,
        "notes": [*_tax_notes(frame, figures, reverse), *_last_notes(frame)],
        "figures": {**_figures(frame, figures), "paid": figures.gross - due, "due": due, "reverse_charge": reverse},
    }


def receipt(frame: Frame, payment: Payment, *, price: int, paid: int):
    """`price` and `paid` are those of the repair, this payment among them."""
    took = Totals(payment.captured, 0, ())
    left = price - paid
    return {
        **_common(frame, took),
        "facts": [
            [_("Received"), frame.date(_day_of(payment, frame))],
            [_("Paid by"), way_of(payment)],
            *_about(frame),
        ],
        **_table(frame, [Line(purpose_of(payment), payment.captured)]),
        "rates": None,
        "totals": [
            [_("Price of the repair"), frame.money(price)],
            *_change(frame, payment),
            [_("Paid so far"), frame.money(paid)],
            [_("Still to pay"), frame.money(max(left, 0))],
        ],
        "due": [_("Received"), frame.money(payment.captured)],
        "stamp": _stamp(_("Thank you"), "ok"),
        "pay": _pay(frame, left) if left > 0 else None,
        "bank": None,
        "notes": [_("This receipt confirms a payment. It is not a VAT invoice.")] * (frame.country != BRAZIL)
        + _last_notes(frame),
        "figures": {**_figures(frame, took), "paid": paid, "due": left},
    }


def credit_note(frame: Frame, lines: Sequence[Line], figures: Totals, *, corrects: str, reason: str, reverse: bool):
    """`corrects` is the number of the invoice of which this takes something back."""
    return {
        **_common(frame, figures),
        "facts": [
            [_("Issued"), frame.date(frame.day)],
            [_("Corrects"), corrects],
            *_about(frame),
        ],
        **_table(frame, lines),
        "rates": _rates(frame, figures),
        "totals": [[_("Total, including VAT") if figures.tax else _("Total"), frame.money(figures.gross)]],
        "due": [_("Credited"), frame.money(figures.gross)],
        "stamp": _stamp(_("Credited"), "plain"),
        "pay": None,
        "bank": None,
        "notes": [_("Reason: %(reason)s", reason=reason), *_tax_notes(frame, figures, reverse), *_last_notes(frame)],
        "figures": {**_figures(frame, figures), "corrects": corrects},
    }


def way_of(payment: Payment) -> str:
    """By what was paid, such as `Visa 4242`."""
    words = {
        Provider.STRIPE: _("Card"),
        Provider.TERMINAL: _("Card, at the counter"),
        Provider.PAYPAL: "PayPal",
        Provider.CASH: _("Cash"),
        Provider.PIX: "Pix",
    }
    return payment.method or words[Provider(payment.provider)]


def purpose_of(payment: Payment) -> str:
    words = {
        Purpose.DEPOSIT: _("Deposit"),
        Purpose.FULL: _("Payment in full"),
        Purpose.BALANCE: _("Payment of the balance"),
        Purpose.APPROVED: _("Payment of the approved work"),
        Purpose.HOLD: _("Taken from the held amount"),
    }
    return words[Purpose(payment.purpose)]


def payment_words(payment: Payment, frame: Frame) -> str:
    """Deposit, Visa 4242, 24 Nov 2026"""
    return ", ".join((purpose_of(payment), way_of(payment), frame.date(_day_of(payment, frame), "medium")))


def _day_of(payment: Payment, frame: Frame) -> date:
    return (payment.settled_at or frame.issued_at).astimezone(ZoneInfo(frame.repair.location.zone)).date()


def _common(frame: Frame, figures: Totals) -> dict:
    language = Locale.parse(_regional(frame.locale))
    company = frame.company
    return {
        "layout": pdf.LAYOUT,
        "lang": language.language,
        "region": language.territory,
        "kind": frame.kind,
        "number": frame.number,
        "title": _title(frame),
        "subtitle": _("Not a fiscal document") if frame.country == BRAZIL else "",
        "company": {
            "name": company.name,
            "lines": [
                *company.address.splitlines(),
                " · ".join(filter(None, (company.email, company.phone))),
            ],
            "logo": company.logo,
        },
        "buyer": {
            "heading": _("Received from") if frame.kind == DocumentKind.RECEIPT else _("Billed to"),
            "name": frame.buyer.name,
            "lines": _buyer_lines(frame),
        },
        "footer": ". ".join(_legal(frame)) + ".",
        "page": _("Page %(page)s of %(pages)s", page="[page]", pages="[pages]"),
    }


def _title(frame: Frame) -> str:
    if frame.kind == DocumentKind.INVOICE:
        return _("Commercial invoice") if frame.country == BRAZIL else _("Invoice")
    return _("Receipt") if frame.kind == DocumentKind.RECEIPT else _("Credit note")


def _buyer_lines(frame: Frame) -> list[str]:
    buyer = frame.buyer
    lines = [*buyer.address.splitlines(), buyer.email]
    if buyer.country and buyer.country != frame.country:
        lines.insert(-1, Locale.parse(_regional(frame.locale)).territories.get(buyer.country, buyer.country))
    if buyer.tax_number:
        label = _tax_label(buyer.tax_number) if (buyer.country or frame.country) == BRAZIL else _("VAT number")
        lines.append(f"{label} {buyer.tax_number}")
    return [line for line in lines if line]


def _tax_label(number: str) -> str:
    return "CNPJ" if "/" in number else "CPF"


def _legal(frame: Frame) -> list[str]:
    """The company as the law wants it named on every page."""
    company = frame.company
    parts = [", ".join((company.name, *company.address.splitlines()))]
    if frame.country == BRAZIL:
        return [*parts, f"CNPJ {company.cnpj}"] if company.cnpj else parts
    if company.number:
        parts.append(_("Company number %(number)s", number=company.number))
    if company.vat_number:
        parts.append(_("VAT number %(number)s", number=company.vat_number.replace(" ", "\xa0")))
    return parts


def _about(frame: Frame) -> list[list[str]]:
    device = frame.repair.device
    facts = [[_("Ticket"), frame.repair.number], [_("Device"), device.label]]
    if device.imei or device.serial:
        facts.append(["IMEI", device.imei] if device.imei else [_("Serial number"), device.serial])
    return facts


def _table(frame: Frame, lines: Sequence[Line]) -> dict:
    has_rates = any(line.rate_bp is not None for line in lines)
    columns = [_("Description"), _("VAT"), _("Amount")] if has_rates else [_("Description"), _("Amount")]
    shown = [
        {**asdict(line), "rate": _percent(frame, line.rate_bp), "shown": frame.money(line.amount)} for line in lines
    ]
    return {"columns": columns, "lines": shown}


def _rates(frame: Frame, figures: Totals) -> dict | None:
    if not figures.rates:
        return None
    rows = [
        [_percent(frame, rate.rate_bp), frame.money(rate.net), frame.money(rate.tax), frame.money(rate.gross)]
        for rate in figures.rates
    ]
    return {"heading": _("VAT in this document"), "columns": [_("Rate"), _("Net"), _("VAT"), _("Total")], "rows": rows}


def _percent(frame: Frame, basis_points: int | None) -> str:
    if basis_points is None:
        return ""
    return format_percent(Decimal(basis_points) / 10_000, "#,##0.##%", locale=_regional(frame.locale))


def _change(frame: Frame, payment: Payment) -> list[list[str]]:
    if not payment.tendered or payment.tendered <= payment.captured:
        return []
    change = payment.tendered - payment.captured
    return [[_("Cash given"), frame.money(payment.tendered)], [_("Change"), frame.money(change)]]


def _stamp(text: str, tone: str) -> dict:
    return {"text": text, "tone": tone}


def _pay(frame: Frame, amount: int) -> dict:
    """`code` is what the picture says, where it is not the address."""
    page = {"url": frame.link, "shown": frame.link.partition("://")[2]}
    if frame.pix:
        words = _("Scan the code in your bank’s app, or open this address.")
        return {
            **page,
            "heading": _("Pay with Pix"),
            "text": " ".join([words, *([_("A test: do not pay.")] if frame.pix.is_test else [])]),
            "alt": _("Pix code of %(amount)s for %(number)s", amount=frame.money(amount), number=frame.number),
            "code": frame.pix.code(frame.repair, amount),
        }
    return {
        **page,
        "heading": _("Pay online"),
        "text": _("Scan the code, or open this address."),
        "alt": _("Code of the page on which %(number)s can be paid", number=frame.number),
    }


def _bank(frame: Frame) -> dict | None:
    company = frame.company
    if not company.iban or frame.country == BRAZIL:
        return None
    rows = [[_("Bank"), company.bank], ["IBAN", company.iban], ["BIC", company.bic], [_("Reference"), frame.number]]
    return {"heading": _("Or by bank transfer"), "rows": [row for row in rows if row[1]]}


def _tax_notes(frame: Frame, figures: Totals, reverse: bool) -> list[str]:
    if reverse:
        return [_("Reverse charge: the customer accounts for the VAT (Article 196 of Directive 2006/112/EC).")]
    return [_("All amounts include VAT.")] if figures.tax else []


def _last_notes(frame: Frame) -> list[str]:
    notes = []
    if frame.country == BRAZIL:
        notes.append(
            _("This document has no fiscal value. It does not replace the NF-e or NFS-e where the law asks for one.")
        )
    if frame.company.is_invented:
        notes.append(_("Specimen: the company, its numbers and its bank account are invented."))
    return notes


def _figures(frame: Frame, figures: Totals) -> dict:
    """The same in minor units, for whoever reads the document again by machine."""
    return {
        **asdict(figures),
        "gross": figures.gross,
        "currency": frame.repair.currency,
        "country": frame.country,
        "buyer": asdict(frame.buyer),
    }


def _regional(locale: str) -> str:
    return "en_GB" if locale == "en" else locale

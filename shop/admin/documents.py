"""Invoices, receipts and credit notes: the list, the papers themselves, and making them."""

from collections.abc import Iterator
from decimal import Decimal

from flask import Response, flash, redirect, request, stream_with_context, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import to_user_timezone
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.cells import MARK, line
from shop.admin.console import ConsoleView, show
from shop.admin.forms import place, typed_line
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.document import Document, DocumentKind
from shop.models.errors import Invalid
from shop.models.invoicing import Buyer
from shop.models.money import minor_digits, read_amount
from shop.services import document_list, documents, ledger, repairs
from shop.services.document_list import Filters, Listed

KINDS = {
    DocumentKind.INVOICE: _l("Invoice"),
    DocumentKind.RECEIPT: _l("Receipt"),
    DocumentKind.CREDIT_NOTE: _l("Credit note"),
}
LONGEST_QUERY = 120
_BUYER = ("name", "address", "country", "tax_number", "email")
_COLUMNS = (
    _l("Number"), _l("Kind"), _l("Issued"), _l("Ticket"), _l("Customer"), _l("Currency"), _l("Net"), _l("VAT"),
    _l("Total"), _l("Corrects"),
)  # fmt: skip


class DocumentsView(ConsoleView):
    @expose("/")
    @requires("payment.view")
    def index(self):
        filters = _filters()
        page = document_list.list_documents(filters, actor=current_user.actor, before=place("before"))
        return show(
            "admin/documents/list.html",
            page=page, filters=filters, set=_set(filters), kinds=KINDS, series=document_list.list_series(),
        )  # fmt: skip

    @expose("/<row_id:document_id>.pdf")
    @requires("payment.view")
    def pdf(self, document_id: int):
        document = documents.get_document(document_id)
        answer = Response(documents.pdf_of(document), mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="{documents.number_of(document)}.pdf"'
        return answer

    @expose("/export", methods=["POST"])
    @requires("ledger.view")
    def export(self):
        """The list for an accountant, as CSV: what credit notes take back is negative, and receipts are no sales.

        The log keeps who took what.
        """
        filters = _filters()
        document_list.note_export(filters, actor=current_user.actor)
        db.session.commit()
        rows = document_list.export_documents(filters)
        name = f"documents-{to_user_timezone(utc_now()):%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        return Response(stream_with_context(_csv(rows)), mimetype="text/csv; charset=utf-8", headers=headers)

    @expose("/new/<string:number>", methods=["GET", "POST"])
    @requires("payment.take")
    def new(self, number: str):
        """The invoice of a ticket, made out to its customer or to somebody else."""
        if request.method == "GET":
            return _new_page(number)
        repair = repairs.lock_repair(number)
        typed = _typed_buyer()
        try:
            document = documents.issue_invoice(
                repair, buyer=Buyer(**typed), mailed=request.form.get("mailed") == "1", actor=current_user.actor
            )
        except Invalid as error:
            db.session.rollback()
            return _new_page(number, typed=typed, faults=error.fields, status=422)
        return _issued(document)

    @expose("/<row_id:document_id>/credit", methods=["GET", "POST"])
    @requires("payment.refund")
    def credit(self, document_id: int):
        """Takes an invoice back, or a part of it."""
        invoice = documents.get_document(document_id)
        if request.method == "GET":
            return _credit_page(invoice)
        typed = {name: typed_line(request.form.get(name))[:220] for name in ("amount", "reason", "seen")}
        try:
            document = documents.issue_credit_note(
                invoice, amount=_amount(typed["amount"], invoice), reason=typed["reason"],
                # Two people who saw the same rest credit it once.
                key=f"console:{typed['seen'][:20]}", actor=current_user.actor,
                mailed=request.form.get("mailed") == "1",
            )  # fmt: skip
        except Invalid as error:
            db.session.rollback()
            return _credit_page(documents.get_document(document_id), typed=typed, faults=error.fields, status=422)
        return _issued(document)


def init_app(admin: Admin) -> None:
    admin.add_view(DocumentsView("Documents", path="documents"))


def _filters() -> Filters:
    """What the address asks for; what no document can be is not asked."""
    args = request.args
    year = args.get("year", type=int)
    return Filters(
        kind=args.get("kind", "") if args.get("kind") in set(DocumentKind) else "",
        series=args.get("series", "")[:10].replace("\0", ""),
        year=year if year and 2000 <= year <= 9999 else None,
        q=typed_line(args.get("q"))[:LONGEST_QUERY],
    )


def _set(filters: Filters) -> dict:
    """The filters that are set, as the address writes them."""
    named = {"kind": filters.kind, "series": filters.series, "year": filters.year, "q": filters.q}
    return {name: value for name, value in named.items() if value}


def _new_page(number: str, *, typed: dict | None = None, faults: dict | None = None, status: int = 200):
    repair = repairs.get_workable(number)
    known = {"name": repair.customer.name, "email": repair.customer.email}
    return show(
        "admin/documents/new.html", status=status, repair=repair, balance=ledger.repair_balance(repair),
        country=documents.country_of(repair), typed=typed or known, faults=faults or {},
        earlier=documents.find_invoice(repair),
    )  # fmt: skip


def _typed_buyer() -> dict[str, str]:
    return {name: request.form.get(name, "").replace("\x00", "")[:400] for name in _BUYER}


def _credit_page(invoice: Document, *, typed: dict | None = None, faults: dict | None = None, status: int = 200):
    return show(
        "admin/documents/credit.html", status=status, invoice=invoice, number=documents.number_of(invoice),
        credited=documents.credited(invoice), typed=typed or {}, faults=faults or {},
        longest=documents.LONGEST_REASON,
    )  # fmt: skip


def _amount(typed: str, invoice: Document) -> int | None:
    """Minor units, None where nothing was typed. Raises Invalid."""
    if not typed:
        return None
    amount = read_amount(typed, invoice.currency)
    if amount is None:
        raise Invalid({"amount": _("Write an amount such as 12.50.")})
    return amount


def _issued(document: Document):
    number = documents.number_of(document)
    db.session.commit()
    flash(_("%(number)s is issued.", number=number), "success")
    return redirect(url_for("documents.index", q=number), 303)


def _csv(rows: Iterator[Listed]) -> Iterator[str]:
    yield MARK + line(str(column) for column in _COLUMNS)
    for count, row in enumerate(rows):
        if count == document_list.MOST_EXPORTED:
            yield line([_("Cut here at %(count)s lines. Narrow the filter to get the rest.", count=count)])
            return
        yield line(_cells(row))


def _cells(row: Listed) -> tuple:
    sign = -1 if row.kind == DocumentKind.CREDIT_NOTE else 1
    sums = (_decimal(sign * amount, row.currency) for amount in (row.net, row.tax, row.gross))
    day = f"{to_user_timezone(row.issued_at):%Y-%m-%d}"
    return (row.number, row.kind, day, row.ticket, row.customer, row.currency, *sums, row.corrects)


def _decimal(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-minor_digits(currency))

"""Receipts, invoices and credit notes of the newest repairs of the demo shop that were handed over."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from shop.extensions import db
from shop.models import invoicing
from shop.models.document import Document, DocumentKind
from shop.models.invoicing import Line, Totals
from shop.models.ledger import Kind, credit_note_posting, invoice_posting
from shop.models.payment import Payment, PaymentState
from shop.models.repair import Repair
from shop.services import document_content, documents
from shop.services.buyers import customer_of
from shop.services.demo.books import Books
from shop.services.demo.rows import DocumentRow
from shop.services.demo.tables import new_ids, write_rows
from shop.services.document_content import Frame

if TYPE_CHECKING:
    from shop.services.demo.money import Sale

MOST_SALES = 150
_WHY = "Refund"


class Papers:
    def __init__(self, *, now: datetime):
        self.now = now
        self._rows: list[DocumentRow] = []

    def write(self, sales: Sequence["Sale"], books: Books) -> None:
        """In the order of time, so that a later number is never older."""
        paid = sorted((sale for sale in sales if sale.state == PaymentState.PAID), key=lambda sale: sale.at)
        chosen = [sale for sale in paid if not sale.fault][-MOST_SALES:]
        found = _repairs([sale.repair.id for sale in chosen])
        payments = _by_id([sale.id for sale in chosen])
        ids = iter(new_ids(Document.__table__, len(chosen) * 3))
        for sale in chosen:
            repair, payment = found[sale.repair.id], payments[sale.id]
            self._receipt(next(ids), sale, repair, payment)
            if sale.amount == repair.total:
                invoice = self._invoice(next(ids), sale, repair, payment, books)
                if sale.refunded:
                    self._credit(next(ids), sale, repair, invoice, books)
        write_rows(Document.__table__, self._rows)

    def _receipt(self, key: int, sale: "Sale", repair: Repair, payment: Payment) -> None:
        frame = _frame(DocumentKind.RECEIPT, repair, sale.at)
        with force_locale(frame.locale):
            content = document_content.receipt(frame, payment, price=repair.total, paid=payment.captured)
        figures = Totals(payment.captured, 0, ())
        self._add(key, frame, f"receipt:payment:{payment.id}", content, figures, payment_id=payment.id)

    def _invoice(self, key: int, sale: "Sale", repair: Repair, payment: Payment, books: Books) -> DocumentRow:
        frame = _frame(DocumentKind.INVOICE, repair, sale.at)
        with force_locale(frame.locale):
            lines = documents.lines_of(repair, frame.country, is_reverse=False)
            figures = invoicing.totals(lines)
            paid = [(document_content.payment_words(payment, frame), payment.captured)]
            content = document_content.invoice(frame, lines, figures, paid=paid, reverse=False)
        row = self._add(key, frame, f"invoice:repair:{repair.id}:1", content, figures)
        posting = invoice_posting(net=figures.net, tax=figures.tax)
        _post(books, Kind.INVOICE, frame, posting)
        return row

    def _credit(self, key: int, sale: "Sale", repair: Repair, invoice: DocumentRow, books: Books) -> None:
        frame = _frame(DocumentKind.CREDIT_NOTE, repair, sale.at)
        whole = invoicing.totals(documents.lines_of(repair, frame.country, is_reverse=False))
        figures = invoicing.part(whole, sale.refunded, before=0)
        number = invoicing.number_of(invoice.series, invoice.year, invoice.number)
        with force_locale(frame.locale):
            content = document_content.credit_note(
                frame, [Line(_WHY, sale.refunded)], figures, corrects=number, reason=_WHY, reverse=False
            )
        name = f"credit_note:{invoice.id}:refund:{sale.refund_id}"
        self._add(key, frame, name, content, figures, corrects_id=invoice.id)
        _post(books, Kind.CREDIT_NOTE, frame, credit_note_posting(net=figures.net, tax=figures.tax))

    def _add(
        self, key: int, frame: Frame, name: str, content: dict, figures: Totals, *, payment_id: int | None = None,
        corrects_id: int | None = None,
    ) -> DocumentRow:  # fmt: skip
        series, year, number = invoicing.read_number(frame.number) or ("", 0, 0)
        row = DocumentRow(
            id=key, key=name, kind=frame.kind, series=series, year=year, number=number, repair_id=frame.repair.id,
            payment_id=payment_id, corrects_id=corrects_id, issued_at=frame.issued_at, currency=frame.repair.currency,
            net=figures.net, tax=figures.tax, gross=figures.gross, locale=frame.locale,
            content=json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        )  # fmt: skip
        self._rows.append(row)
        return row


def _frame(kind: DocumentKind, repair: Repair, at: datetime) -> Frame:
    frame = documents.frame_of(kind, repair, customer_of(repair))
    series, year = invoicing.series_of(kind, frame.country), at.astimezone(ZoneInfo(repair.location.zone)).year
    number = invoicing.number_of(series, year, documents.next_number(series, year))
    return replace(frame, number=number, issued_at=at)


def _post(books: Books, kind: Kind, frame: Frame, posting) -> None:
    books.post(
        f"{kind}:{frame.number}", kind, posting, at=frame.issued_at, repair_id=frame.repair.id, memo=frame.number
    )  # fmt: skip


def _repairs(ids: list[int]) -> dict[int, Repair]:
    query = select(Repair).where(Repair.id.in_(ids)).options(
        joinedload(Repair.customer), joinedload(Repair.device), joinedload(Repair.location), selectinload(Repair.lines)
    )  # fmt: skip
    return {repair.id: repair for repair in db.session.scalars(query)}


def _by_id(ids: list[int]) -> dict[int, Payment]:
    return {payment.id: payment for payment in db.session.scalars(select(Payment).where(Payment.id.in_(ids)))}

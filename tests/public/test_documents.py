"""Customers' papers: by the private link of their repair, and by nothing else."""

import pytest

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document
from shop.services import documents
from tests import factories


@pytest.fixture
def invoice(cracked_iphone) -> Document:
    cracked_iphone.total = 18_900
    document = documents.issue_invoice(cracked_iphone, actor=SYSTEM)
    db.session.commit()
    return document


def path(repair, number: str) -> str:
    return f"/track/{repair.tracking_token}/documents/{number}.pdf"


def test_customer_opens_the_paper_by_the_private_link(invoice, cracked_iphone, stranger):
    answer = stranger.get(path(cracked_iphone, documents.number_of(invoice)))

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data == documents.pdf_of(invoice)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] != ""


def test_page_of_the_repair_lists_its_papers(invoice, cracked_iphone, stranger):
    page = stranger.get(f"/track/{cracked_iphone.tracking_token}").text

    assert f'href="{path(cracked_iphone, documents.number_of(invoice))}"' in page
    assert "£189.00" in page


def test_paper_of_another_repair_is_not_found(invoice, app, stranger):
    other = factories.repair(customer=factories.customer("João Silva", email="joao@example.com"))

    for number in (documents.number_of(invoice), "INV-2026-999999", "x", "INV-2026-99999999999", "%00"):
        assert stranger.get(path(other, number)).status_code == 404
    assert stranger.get(f"/track/nobody/documents/{documents.number_of(invoice)}.pdf").status_code == 404


def test_page_without_papers_says_nothing_of_them(cracked_iphone, stranger):
    assert "Invoices and receipts" not in stranger.get(f"/track/{cracked_iphone.tracking_token}").text

"""A customer's invoices and receipts, by the private link of their repair."""

from flask import Response

from shop.extensions import limiter
from shop.public.blueprint import bp
from shop.services import documents, tracking

LIMIT = "60 per minute"


@bp.get("/track/<token>/documents/<number>.pdf")
@limiter.limit(LIMIT)
def document(token: str, number: str):
    """The paper as it was issued; 404 for whatever does not belong to the repair of this link."""
    found = documents.get_document_of(tracking.get_tracked(token), number)
    answer = Response(documents.pdf_of(found), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{documents.number_of(found)}.pdf"'
    return answer

"""What a visitor types into a step before it is sent: kept with the draft, under the visitor's link alone."""

import json

from flask import request

from shop.booking.flow import bp
from shop.booking.forms import plain
from shop.extensions import db
from shop.models.errors import Invalid
from shop.services import drafts

LONGEST_REPORT = 20_000


@bp.post("/<token>/typed")
def typed(token: str):
    """Asked by a script while somebody types; once more or out of order does no harm."""
    texts = _texts()
    draft = drafts.get_draft(token, lock=True)
    if draft.repair_id is None:
        drafts.note_typed(draft, request.form.get("step", ""), texts)
    db.session.commit()
    return "", 204


def _texts() -> dict[str, str]:
    """Raises Invalid for what no script of ours sends."""
    try:
        text = request.form.get("texts", "")
        if len(text) > LONGEST_REPORT:
            raise ValueError
        return {str(name): plain(str(value)) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise Invalid({"texts": "What is typed here is not kept."}) from None

"""Every table, imported once so that migrations see them all."""

from shop.models import (  # noqa: F401
    account,
    booking,
    bulk,
    catalogue,
    customer,
    ending,
    event,
    location,
    outbox,
    pricing,
    promise,
    repair,
    roster,
    saved_view,
    search_word,
    staff,
    staff_draft,
    tag,
    undo,
)

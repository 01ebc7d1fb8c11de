"""A mail handler for processes under test, where the product's own is not what is looked at."""

from sqlalchemy import insert

from shop.extensions import db
from shop.models.outbox import OutboxMessage
from shop.services import deliveries, subscriptions


def install() -> None:
    """Every booking and every move has a mail."""
    for owed in [owed for owed in subscriptions.UNLESS if subscriptions.MAIL in owed]:
        del subscriptions.UNLESS[owed]
    deliveries.HANDLERS["mail"] = write


def write(delivery) -> None:
    """Writes one captured mail for one delivery; the unique delivery keeps it at one."""
    values = {
        "delivery_id": delivery.id,
        "template": "test",
        "locale": "en",
        "recipient": "hannah@example.com",
        "subject": delivery.event.verb,
        "text": f"{delivery.event.aggregate}/{delivery.event.version}",
        "html": "",
    }
    db.session.execute(insert(OutboxMessage).values(**values))

"""Mails to customers: written when a delivery is due, kept in the outbox exactly once for each delivery."""

import hashlib
import json
from dataclasses import asdict, astuple, dataclass
from functools import cache

import css_inline
from flask import current_app, render_template
from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from shop.extensions import db
from shop.models.approval import Approval, ApprovalState
from shop.models.document import Document, DocumentKind
from shop.models.event import Delivery, Event
from shop.models.money import Money
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, Refund
from shop.models.pricing import Quote
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import accounts, appointments, billing, document_content, documents, ledger, messages, pricing
from shop.services.deliveries import Owed, handles
from shop.services.leases import held
from shop.services.locations import home_location
from shop.services.payments.held import is_offered
from shop.services.statuses import STATUSES
from shop.services.subscriptions import MAIL, TOLD_BY_MAIL, held_until

BOOKED, REBOOKED, MISSED = "repair.booked", "repair.rebooked", "repair.missed"
CONFIRMED, CUSTOMER_NEEDED = "repair.confirmed", "payment.customer_needed"
WORK_OFFERED, HOLD_ASKED = "repair.work_offered", "payment.hold_asked"
LINK_ASKED = "customer_account.link_asked"
LINK_TEMPLATE = "account_link"
REFUND_TEMPLATE, OFFER_TEMPLATE, HOLD_TEMPLATE = "refund", "work_offered", "hold_asked"
DOCUMENT_TEMPLATES = {kind: str(kind) for kind in DocumentKind}
# Events with a mail of their own; the states of `TOLD_BY_MAIL` share one.
_OWN = {
    BOOKED: "booking_confirmation",
    CONFIRMED: "booking_confirmation",
    REBOOKED: "appointment_moved",
    MISSED: "appointment_missed",
    CUSTOMER_NEEDED: "payment_needed",
}
STATUS_TEMPLATE = "status_update"
# Their events name no state, and their mails do not speak of it.
_STATE_OF_OWN = State.RECEIVED


@handles(MAIL)
def deliver(delivery: Owed) -> None:
    """Writes the mail that an event asks for, or notes on the delivery why there is none.

    The outbox row commits together with the delivery, and its unique `delivery_id` refuses a second one.
    """
    _WAYS.get(delivery.event.verb, _deliver_state)(delivery)


def _deliver_state(delivery: Owed) -> None:
    """How the repair stands, or what became of its appointment or its payment."""
    repair = _repair_of(delivery)
    state = _state_of(delivery)
    template = _template(delivery.event.verb, state)
    reason = _reason_to_skip(delivery, repair, state, template)
    if repair is None or reason:
        _skip(delivery, reason)
    elif not _is_written(delivery):
        _keep(delivery, repair, compose(repair, state, template=template))


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is sent. `channel` is by what; texts are whole."""

    template: str
    locale: str
    recipient: str
    subject: str
    text: str
    html: str
    channel: str = messages.EMAIL

    @property
    def fingerprint(self) -> str:
        """The same for two messages that say the same to the same person."""
        return hashlib.sha256("\0".join(astuple(self)).encode()).hexdigest()


def compose(
    repair: Repair, state: State, *, template: str = STATUS_TEMPLATE, plan: appointments.Plan | None = None
) -> Message:
    """The message about `state`, word for word as it is sent: what is shown beforehand is made here too.

    `plan` is the appointment that it will speak of, where nothing is written yet.
    """
    locale = repair.customer.locale
    with force_locale(locale):
        parts = _render(template, **_facts(repair, state, locale, plan))
    return Message(template, locale, repair.customer.email, **parts)


def compose_own(repair: Repair, verb: str, *, plan: appointments.Plan | None = None) -> Message:
    """The message of an event that has a mail of its own."""
    return compose(repair, _STATE_OF_OWN, template=_OWN[verb], plan=plan)


def _render(template: str, **facts) -> dict[str, str]:
    parts = {
        part: render_template(f"email/{template}/{part}", **facts) for part in ("subject.txt", "body.txt", "body.html")
    }
    return {
        "subject": " ".join(parts["subject.txt"].split())[:250],
        "text": parts["body.txt"].strip() + "\n",
        "html": _inliner().inline(parts["body.html"]),
    }


def _deliver_link(delivery: Owed) -> None:
    """The link is made only here, so that the log never holds it; its hash commits together with the mail."""
    if _is_written(delivery):
        return
    link = accounts.new_link(int(delivery.event.aggregate.partition(":")[2]))
    if link is None:
        _skip(delivery, "nobody has booked with this address")
        return
    locale = json.loads(delivery.event.body)["locale"]
    with force_locale(locale):
        parts = _render(LINK_TEMPLATE, **_link_facts(link, locale))
    db.session.add(
        OutboxMessage(delivery_id=delivery.id, template=LINK_TEMPLATE, locale=locale, recipient=link.email, **parts)
    )


def _link_facts(link: accounts.Link, locale: str) -> dict:
    base = current_app.config["SETTINGS"].BASE_URL
    return {
        "link_url": f"{base}{accounts.link_path(link.token)}",
        "hours": int(accounts.LINK_LIFE.total_seconds() // 3600),
        "home_url": f"{base}/",
        "location": home_location(),
        "language": _language(locale),
    }


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail, made anew whenever it is asked for: a document's bytes never change."""

    document_id: int
    filename: str
    mimetype: str = "application/pdf"

    def content(self) -> bytes:
        """Raises NotFound where the document's content was erased since."""
        return documents.pdf_of(documents.get_document(self.document_id))


def attachments(message: OutboxMessage) -> list[Attachment]:
    """What is sent with this mail: the document of the event that asked for it, if it was one."""
    if message.template not in DOCUMENT_TEMPLATES:
        return []
    query = select(Event.body).join(Delivery, Delivery.event_id == Event.id).where(Delivery.id == message.delivery_id)
    issued = json.loads(db.session.scalars(query).one())
    return [Attachment(issued["document"], f"{issued['number']}.pdf")]


def _deliver_document(delivery: Owed) -> None:
    """The document itself is not kept with the mail, see `attachments`."""
    repair, document = _repair_of(delivery), db.session.get(Document, json.loads(delivery.event.body)["document"])
    if repair is None or document is None or not repair.customer.email:
        _skip(delivery, "the customer has no e-mail" if repair and document else "the document is gone")
    elif not _is_written(delivery):
        _keep(delivery, repair, compose_document(repair, document))


def compose_document(repair: Repair, document: Document) -> Message:
    """The mail with a document, in the customer's language, which need not be the document's own."""
    locale, template = repair.customer.locale, DOCUMENT_TEMPLATES[DocumentKind(document.kind)]
    with force_locale(locale):
        parts = _render(template, **_document_facts(repair, document, locale))
    return Message(template, locale, repair.customer.email, **parts)


def _deliver_refund(delivery: Owed) -> None:
    repair, refund = _repair_of(delivery), db.session.get(Refund, json.loads(delivery.event.body)["refund"])
    if repair is None or refund is None or not repair.customer.email:
        _skip(delivery, "the customer has no e-mail" if repair and refund else "the refund is gone")
    elif not _is_written(delivery):
        _keep(delivery, repair, compose_refund(repair, refund))


def compose_refund(repair: Repair, refund: Refund) -> Message:
    """The mail about money that went back and has no credit note. Why it went back stays with the staff."""
    locale, payment = repair.customer.locale, refund.payment
    with force_locale(locale):
        facts = {
            **_facts(repair, _STATE_OF_OWN, locale, None),
            "amount": Money(refund.amount, payment.currency),
            "way": document_content.way_of(payment),
            "provider": payment.provider,
        }
        parts = _render(REFUND_TEMPLATE, **facts)
    return Message(REFUND_TEMPLATE, locale, repair.customer.email, **parts)


def _deliver_question(delivery: Owed) -> None:
    """More work, or an amount to be held: asked once, and not where the answer has come before the mail."""
    repair, body = _repair_of(delivery), json.loads(delivery.event.body)
    asked = _open_question(delivery.event.verb, body)
    if repair is None or not repair.customer.email:
        _skip(delivery, "the customer has no e-mail" if repair else "the repair is gone")
    elif asked is None:
        _skip(delivery, "it was answered or taken back before")
    elif not _is_written(delivery):
        _keep(delivery, repair, compose_question(repair, asked))


def _open_question(verb: str, body: dict) -> Approval | Payment | None:
    if verb == WORK_OFFERED:
        offer = db.session.get(Approval, body["approval"])
        return offer if offer is not None and offer.state == ApprovalState.OFFERED else None
    payment = db.session.get(Payment, body["payment"])
    return payment if is_offered(payment) else None


def compose_question(repair: Repair, asked: Approval | Payment) -> Message:
    """The mail that asks the customer: may we do this, or may we have this held?"""
    locale, template = repair.customer.locale, OFFER_TEMPLATE if isinstance(asked, Approval) else HOLD_TEMPLATE
    with force_locale(locale):
        facts = _facts(repair, _STATE_OF_OWN, locale, None)
        parts = _render(template, **facts, asked=asked, amount=Money(asked.amount, asked.currency))
    return Message(template, locale, repair.customer.email, **parts)


def _document_facts(repair: Repair, document: Document, locale: str) -> dict:
    number = documents.number_of(document)
    base = current_app.config["SETTINGS"].BASE_URL
    figures = documents.figures_of(document)
    return {
        **_facts(repair, _STATE_OF_OWN, locale, None),
        "document": document,
        "number": number,
        "gross": Money(document.gross, document.currency),
        "due": Money(max(figures.get("due", 0), 0), document.currency),
        "corrects": figures.get("corrects", ""),
        "account_url": f"{base}{accounts.ask_path()}" if _is_first_receipt(document, repair) else "",
        "pdf_url": f"{base}/track/{repair.tracking_token}/documents/{number}.pdf",
    }


def _is_first_receipt(document: Document, repair: Repair) -> bool:
    """Who has paid for the first time and has no password is told once that there is an account."""
    if document.kind != DocumentKind.RECEIPT or not accounts.is_to_be_offered(repair.customer.email):
        return False
    earlier = (
        select(Document.id)
        .join(Repair, Repair.id == Document.repair_id)
        .where(
            Document.kind == DocumentKind.RECEIPT,
            Document.id < document.id,
            Repair.customer_id == repair.customer_id,
        )
    )
    return db.session.scalar(earlier.limit(1)) is None


def _skip(delivery: Owed, reason: str) -> None:
    db.session.execute(held(delivery.id, delivery.attempt).values(error=f"Skipped: {reason}"))


def _template(verb: str, state: State) -> str:
    """The name of the mail, '' for none.

    None is owed today; a delivery may have been owed by an older release.
    """
    if verb in _OWN:
        return _OWN[verb]
    return STATUS_TEMPLATE if state in TOLD_BY_MAIL else ""


def _reason_to_skip(delivery: Owed, repair: Repair | None, state: State, template: str) -> str:
    if repair is None:
        return "the repair is gone"
    if delivery.event.verb in (REBOOKED, MISSED) and repair.status != State.EXPECTED:
        return "the appointment is over"
    if not template:
        return f"customers hear nothing of {state}"
    if not repair.customer.email:
        return "the customer has no e-mail"
    if template == STATUS_TEMPLATE and not repair.customer.may_email:
        return "the customer wants no mails about the status"
    if template == STATUS_TEMPLATE and repair.status != state and held_until(delivery.event.body):
        # Dropped at the move already, unless the relay was late.
        return f"the repair is not {state} any more"
    return ""


def _keep(delivery: Owed, repair: Repair, message: Message) -> None:
    values = asdict(message)
    del values["channel"]
    db.session.add(OutboxMessage(delivery_id=delivery.id, repair_id=repair.id, **values))


def _facts(repair: Repair, state: State, locale: str, plan: appointments.Plan | None) -> dict:
    """What the templates speak of. Addresses are whole, for there is no request."""
    base = current_app.config["SETTINGS"].BASE_URL
    quote = db.session.get(Quote, repair.quote_id) if repair.quote_id else None
    booking = appointments.find_booking(repair)
    return {
        "repair": repair,
        "location": repair.location,
        "first_name": repair.customer.name.split()[0],
        "booking": booking,
        "balance": ledger.repair_balance(repair),
        "slot": plan or (booking and booking.slot),
        "due_at": plan.due_at if plan else repair.due_at,
        "status": STATUSES[state],
        "state": state,
        "price": pricing.quoted_price(quote) if quote else None,
        "track_url": f"{base}/track/{repair.tracking_token}",
        "home_url": f"{base}/track/{repair.tracking_token}",
        "language": _language(locale),
    }


def _language(locale: str) -> str:
    return locale.replace("_", "-") if locale != "en" else "en-GB"


def _repair_of(delivery: Owed) -> Repair | None:
    repair_id = int(delivery.event.aggregate.partition(":")[2])
    query = select(Repair).where(Repair.id == repair_id).options(
        joinedload(Repair.customer), joinedload(Repair.device), joinedload(Repair.location), selectinload(Repair.lines)
    )  # fmt: skip
    return db.session.scalar(query)


def _state_of(delivery: Owed) -> State:
    body = json.loads(delivery.event.body)
    return State(body.get("to") or body.get("status") or _STATE_OF_OWN)


def _is_written(delivery: Owed) -> bool:
    return db.session.scalar(select(OutboxMessage.id).where(OutboxMessage.delivery_id == delivery.id)) is not None


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)


# Events with a way of their own; all others speak of the repair's state.
_WAYS = {
    LINK_ASKED: _deliver_link,
    documents.ISSUED: _deliver_document,
    billing.REFUND_TOLD: _deliver_refund,
    WORK_OFFERED: _deliver_question,
    HOLD_ASKED: _deliver_question,
}

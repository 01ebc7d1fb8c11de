"""Every route with real keys in it, and the right that each must ask for.

The table is written by hand on purpose: a route that is missing from it fails the tests, and so does one whose
right changes in the code alone.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from sqlalchemy import insert, select
from werkzeug.routing import Rule

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.approval import Approval
from shop.models.base import utc_now
from shop.models.bulk import BulkItem, BulkRun
from shop.models.catalogue import DeviceModel
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.location import Block
from shop.models.outbox import OutboxMessage
from shop.models.payment import Drawer, Payment, ProviderEvent
from shop.models.repair import Repair
from shop.models.roster import Absence
from shop.models.saved_view import SavedView
from shop.models.staff import SignIn, Staff
from shop.models.staff_draft import StaffDraft
from shop.models.stored_card import StoredCard
from shop.services import documents
from shop.services.drafts import start_draft
from shop.services.events import hold, record

PUBLIC, CLOSED = "public", "closed"

RIGHTS: dict[str, str] = {
    "static": PUBLIC,
    "static_current": PUBLIC,
    "console.static": PUBLIC,
    "probes.alive": PUBLIC,
    "probes.ready": PUBLIC,
    "sign_in.login": PUBLIC,
    "sign_in.code": PUBLIC,
    "sign_in.logout": PUBLIC,
    **dict.fromkeys(
        [f"public.{name}" for name in (
            "home", "services", "prices", "how_it_works", "privacy", "terms", "robots", "sitemap", "choose_language",
            "track_form", "track", "document", "appointment", "cancel_appointment", "choose_mails", "tracking_code",
            "calendar", "my_repairs", "account_sign_in", "account_sign_out",
            "ask_link", "link_sent", "open_link", "set_password", "pay", "begin_payment", "payment_return",
            "card", "keep_card", "card_return", "remove_card", "answer_offer",
        )],
        PUBLIC,
    ),
    **dict.fromkeys(
        [f"booking.{name}" for name in (
            "start", "device", "fault", "service", "details", "review", "resume", "resume_here", "resume_code",
            "confirmed", "slip", "ask_account", "typed", "pay", "begin_payment",
        )],
        PUBLIC,
    ),
    **dict.fromkeys(
        [f"{room}.{name}" for room in ("api", "api_alias") for name in (
            "list_devices", "list_categories", "list_open_slots", "calculate_price", "create_booking",
            "create_payment_intent", "confirm_payment", "create_paypal_order", "capture_paypal_order",
            "take_stripe_webhook", "take_paypal_webhook",
        )],
        PUBLIC,
    ),
    "api_document.show_document": PUBLIC,
    "console.index": "console.enter",
    "console.since": "repair.view",
    "find.index": "repair.view",
    "palette.index": "repair.view",
    "repairs.index": "repair.view",
    "repairs.rows": "repair.view",
    "repairs.ticket": "repair.view",
    "repairs.move": "repair.move",
    "repairs.assign": "repair.assign",
    "repairs.edit": "repair.edit",
    "repairs.note": "repair.note",
    "repairs.priority": "repair.edit",
    "repairs.branch": "repair.edit",
    "repairs.tags": "repair.edit",
    "repairs.merge": "repair.merge",
    "repairs.delete": "repair.delete",
    "repairs.ended": "repair.view",
    "repairs.labels": "repair.view",
    "repairs.export": "repair.export",
    "repairs.pay": "payment.take",
    "repairs.refund": "payment.refund",
    "repairs.hold_amount": "payment.take",
    "repairs.take_held": "payment.take",
    "repairs.offer_work": "work.offer",
    "repairs.answer_offer": "work.decide",
    "repairs.withdraw_offer": "work.offer",
    "repairs.charge_card": "card.charge",
    "repairs.remove_card": "card.remove",
    "payments.index": "payment.view",
    "payments.payment": "payment.view",
    "payments.disputes": "payment.view",
    "payments.export": "ledger.view",
    "payments.ask": "payment.take",
    "payments.give_up": "payment.take",
    "payments.capture": "payment.take",
    "payments.seen": "ledger.view",
    "payments.webhooks": "ledger.view",
    "payments.webhook": "ledger.view",
    "payments.replay": "ledger.view",
    "ledger.index": "ledger.view",
    "ledger.verify": "ledger.view",
    "ledger.export": "ledger.view",
    "ledger.reconciliation": "ledger.view",
    "ledger.compare": "ledger.view",
    "till.index": "drawer.use",
    "till.open": "drawer.use",
    "till.move": "drawer.use",
    "till.close": "drawer.close",
    "till.report": "drawer.use",
    "repairs.mails": "customer.consent",
    "views.index": "repair.view",
    "views.new": "view.save",
    "views.edit": "view.save",
    "views.delete": "view.save",
    "views.order": "view.save",
    "views.first": "view.save",
    "views.role": "view.share",
    "views.look": "view.save",
    "repairs.board": "repair.view",
    "repairs.cards": "repair.view",
    "check_in.index": "repair.check_in",
    "check_in.known": "repair.check_in",
    "calendar.index": "calendar.view",
    "calendar.move": "booking.move",
    "calendar.arrive": "repair.move",
    "calendar.missed": "booking.move",
    "calendar.block": "calendar.plan",
    "calendar.unblock": "calendar.plan",
    "opening.index": "calendar.plan",
    "opening.hours": "calendar.plan",
    "opening.quiet": "calendar.plan",
    "opening.places": "calendar.plan",
    "opening.close": "calendar.plan",
    "opening.reopen": "calendar.plan",
    "bulk.index": "repair.bulk",
    "bulk.count": "repair.bulk",
    "bulk.new": "repair.bulk",
    "bulk.run": "repair.bulk",
    "bulk.progress": "repair.bulk",
    "bulk.start": "repair.bulk",
    "bulk.cancel": "repair.bulk",
    "bulk.undo": "repair.bulk",
    "bulk.results": "repair.bulk",
    "devices.index_view": "catalogue.view",
    "devices.details_view": "catalogue.view",
    "devices.export_csv": "catalogue.view",
    "devices.create_view": "catalogue.edit",
    "devices.edit_view": "catalogue.edit",
    "devices.retire": "catalogue.edit",
    "devices.restore": "catalogue.edit",
    "devices.import_csv": "catalogue.edit",
    "devices.import_tried": "catalogue.edit",
    "devices.delete_view": CLOSED,
    "devices.action_view": CLOSED,
    "devices.export": CLOSED,
    "devices.ajax_lookup": CLOSED,
    "devices.ajax_update": CLOSED,
    "price_rules.index": "pricing.view",
    "price_rules.attempt": "pricing.view",
    "audit.index": "audit.view",
    "audit.verify": "audit.view",
    "audit.export": "audit.view",
    "documents.index": "payment.view",
    "documents.pdf": "payment.view",
    "documents.export": "ledger.view",
    "documents.new": "payment.take",
    "documents.credit": "payment.refund",
    "outbox.index": "outbox.view",
    "outbox.undelivered": "outbox.view",
    "outbox.message": "outbox.view",
    "outbox.preview": "outbox.view",
    "outbox.resend": "outbox.resend",
    "load.index": "load.view",
    "promises.index": "promise.view",
    "load.unassigned": "load.view",
    "load.finished": "load.productivity",
    "load.person": "load.view",
    "next.index": "repair.take",
    "next.take": "repair.take",
    "next.taken": "repair.take",
    "roster.index": "roster.own",
    "roster.person": "roster.manage",
    "roster.add_absence": "roster.manage",
    "roster.remove_absence": "roster.manage",
    "roster.skills": "roster.manage",
    "outbox.waiting": "outbox.view",
    "outbox.send_now": "message.decide",
    "outbox.stop": "message.decide",
    "undo.index": "act.undo",
    "undo.take_back": "act.undo",
    "health.index": "health.view",
    "staff.index": "staff.view",
    "staff.person": "staff.view",
    "settings.index": "provider.keys",
    "settings.provider": "provider.keys",
    "settings.remove": "provider.keys",
    "settings.try_keys": "provider.keys",
    "staff.new": "staff.manage",
    "staff.role": "staff.manage",
    "staff.disable": "staff.manage",
    "staff.enable": "staff.manage",
    "staff.unlock": "staff.manage",
    "staff.end_sign_ins": "staff.manage",
    "account.index": "account.self",
    "account.confirm": "account.self",
    "account.console": "account.self",
    "account.password": "account.self",
    "account.end": "account.self",
    "account.end_others": "account.self",
    "account.two_step": "account.self",
    "account.two_step_off": "account.self",
    **dict.fromkeys(
        [f"recover.{name}" for name in ("index", "count", "draft", "keep", "discard", "bring_back")], "account.self"
    ),
    "style.index": "style.view",
}  # fmt: skip

# Dangerous: who may is asked for the password again.
SUDO = {
    "repairs.delete",
    "repairs.refund",
    "staff.new",
    "staff.role",
    "staff.disable",
    "staff.enable",
    "staff.unlock",
    "settings.provider",
    "settings.remove",
    "staff.end_sign_ins",
    "account.two_step",
}


@dataclass(frozen=True, slots=True)
class World:
    """One real thing of each kind, for the placeholders of the routes."""

    number: str
    token: str
    draft: str
    staff_id: int
    sign_in_id: int
    message_id: int
    delivery_id: int
    document_id: int
    document_number: str
    device_id: int
    absence_id: int
    view_id: int
    draft_id: int
    block_id: int
    run_id: int
    drawer_id: int
    payment_id: int
    event_id: int
    key: str
    card_id: int
    approval_id: int

    def path(self, rule: Rule) -> str:
        values = {name: self._value(rule, name) for name in rule.arguments}
        path = rule.build(values)[1]
        return f"{path}?id={self.device_id}" if rule.endpoint in ("devices.edit_view", "devices.details_view") else path

    def _value(self, rule: Rule, name: str):
        """Raises KeyError for a placeholder that nobody has given a real value here."""
        if name == "token":
            return self.draft if rule.endpoint.startswith("booking.") else self.token
        if rule.endpoint == "public.document" and name == "number":
            return self.document_number
        fixed = {"filename": "favicon.svg", "locale": "en", "kind": "svg", "export_type": "csv", "provider": "stripe"}
        return fixed[name] if name in fixed else getattr(self, name)


@contextmanager
def put_back(endpoint: str, world: World):
    """What the route removes is there again afterwards, for whoever asks next."""
    model, key = {
        "roster.remove_absence": (Absence, world.absence_id),
        "views.delete": (SavedView, world.view_id),
    }.get(endpoint, (None, 0))
    before = model and db.session.execute(select(model.__table__).where(model.id == key)).mappings().one()
    yield
    if before and db.session.get(model, key, populate_existing=True) is None:
        # Its life in the log went on.
        lived = {"version": before["version"] + 10} if "version" in before else {}
        db.session.execute(insert(model).values(**{**before, **lived}))
        db.session.commit()


def routes(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))


def make_world(repair: Repair, *, target: Staff, sign_in: SignIn | None = None) -> World:
    """`target` is who is acted upon, `sign_in` one of the person's own that may be ended."""
    owner_id = sign_in.staff_id if sign_in else target.id
    draft = start_draft(locale="en")
    paper = documents.issue_invoice(repair, actor=SYSTEM, mailed=False)
    world = World(
        number=repair.number,
        token=repair.tracking_token,
        draft=draft.token,
        staff_id=target.id,
        sign_in_id=sign_in.id if sign_in else 1,
        document_id=paper.id,
        document_number=documents.number_of(paper),
        device_id=db.session.scalars(select(DeviceModel.id).order_by(DeviceModel.id)).first(),
        **_told(repair),
        **_typed(repair, owner_id),
        **_time(repair, target),
        **_money(repair, target),
    )
    db.session.commit()
    return world


def _kept(thing) -> int:
    db.session.add(thing)
    db.session.flush()
    return thing.id


def _told(repair: Repair) -> dict[str, int]:
    """A mail that went out, and one that nobody could send."""
    event = db.session.scalars(select(Event).where(Event.aggregate == f"repair:{repair.id}")).first()
    mailed = Delivery(event_id=event.id, subscriber="mail", ordering_key=event.aggregate, state=DeliveryState.DONE)
    message = OutboxMessage(
        delivery_id=_kept(mailed), repair_id=repair.id, template="booking_confirmation", locale="en",
        recipient="hannah@example.com", subject="Booked", text="Booked.", html="<p>Booked.</p>",
    )  # fmt: skip
    hold(repair)
    later = record("repair.noted", repair, actor=SYSTEM)
    db.session.flush()
    dead = Delivery(event_id=later.id, subscriber="mail", ordering_key=event.aggregate, state=DeliveryState.DEAD)
    return {"message_id": _kept(message), "delivery_id": _kept(dead)}


def _typed(repair: Repair, owner_id: int) -> dict[str, int]:
    """What the person has begun, saved or set going."""
    run = BulkRun(staff_id=owner_id, act="priority", target="high", total=1, version=0)
    db.session.add(BulkItem(run_id=_kept(run), place=0, repair_id=repair.id, before="3"))
    typed = StaffDraft(
        staff_id=owner_id, form="repairs.note", record=repair.number, address=f"/admin/repairs/{repair.number}/notes"
    )
    view = SavedView(slug="kept", name="Kept", owner_id=owner_id, is_shared=False, arguments="{}", version=0)
    return {"run_id": run.id, "draft_id": _kept(typed), "view_id": _kept(view)}


def _time(repair: Repair, target: Staff) -> dict[str, int]:
    """Time that is not to be had: a person's, and the branch's."""
    soon, later = utc_now() + timedelta(days=2), utc_now() + timedelta(days=3)
    absence = Absence(staff_id=target.id, kind="holiday", starts_at=utc_now(), ends_at=soon)
    block = Block(location_id=repair.location_id, starts_at=soon, ends_at=later, reason="Stocktaking")
    return {"absence_id": _kept(absence), "block_id": _kept(block)}


def _money(repair: Repair, target: Staff) -> dict[str, int | str]:
    """A drawer that was counted, a payment, what a provider said, a card that was kept and work that was offered."""
    drawer = Drawer(
        location_id=repair.location_id, opened_by=target.id, float_amount=0, minimum_float=0, version=0,
        closed_by=target.id, closed_at=utc_now(), counted=0, expected=0, difference=0, banked=0,
    )  # fmt: skip
    payment = Payment(
        repair_id=repair.id, provider="cash", purpose="balance", amount=100, currency="GBP", state="paid", captured=100,
        actor="system",
    )  # fmt: skip
    heard = ProviderEvent(
        provider="stripe", event_id=f"evt_{target.id}", kind="payment_intent.succeeded", body=b"{}", state="done",
        version=0,
    )  # fmt: skip
    card = StoredCard(repair_id=repair.id, customer_id=repair.customer_id, state="removed", version=0)
    offer = Approval(
        repair_id=repair.id, text="New battery", amount=4_900, currency="GBP", state="declined", offered_by="system"
    )
    return {
        "drawer_id": _kept(drawer), "payment_id": _kept(payment), "event_id": _kept(heard), "card_id": _kept(card),
        "key": card.key, "approval_id": _kept(offer),
    }  # fmt: skip

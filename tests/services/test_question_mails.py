"""The customer is asked by mail: may we do this too, may we have this held?"""

import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.event import Delivery, Event
from shop.models.outbox import OutboxMessage
from shop.services import approvals, deliveries, relay, repairs
from shop.services.payments import held
from shop.services.subscriptions import MAIL


@pytest.fixture
def iphone(cracked_iphone, session):
    cracked_iphone.total = 20_000
    session.commit()
    return cracked_iphone


def offer(repair, person, text: str = "New <battery>"):
    made = approvals.offer_work(repairs.lock_repair(repair.number), text, 4_900, actor=person.actor)
    db.session.commit()
    return made


def ask_to_hold(repair, person, amount: int) -> None:
    held.ask_to_hold(repairs.lock_repair(repair.number), amount, actor=person.actor)
    db.session.commit()


def mails() -> list[OutboxMessage]:
    relay.relay_batch()
    db.session.commit()
    deliveries.drain(MAIL)
    asks = OutboxMessage.template.in_(("work_offered", "hold_asked"))
    return list(db.session.scalars(select(OutboxMessage).where(asks).order_by(OutboxMessage.id)))


def button_link(mail: OutboxMessage) -> str:
    """What is asked for is the mail's one button."""
    (button,) = re.findall('<a [^>]*class="button"[^>]*>', mail.html)
    return re.search('href="([^"]+)"', button)[1]


def skipped(verb: str) -> list[str]:
    query = select(Delivery.error).join(Event).where(Event.verb == verb, Delivery.subscriber == MAIL)
    return list(db.session.scalars(query.order_by(Delivery.id)))


def test_an_offer_is_mailed_with_its_price_and_its_page(iphone, technician):
    offer(iphone, technician)

    (mail,) = mails()

    assert mail.subject == f"May we do this too? iPhone 14 Pro, {iphone.number}"
    assert "we found more to do: New <battery>, £49.00." in mail.text
    assert "New &lt;battery&gt;, £49.00." in mail.html
    assert f"/track/{iphone.tracking_token}\n" in mail.text
    assert button_link(mail).endswith(f"/track/{iphone.tracking_token}")
    assert "Answer on your page" in mail.html
    assert (mail.recipient, mails()) == ("hannah@example.com", [mail])


def test_it_is_written_in_the_language_of_the_customer(iphone, technician):
    iphone.customer.locale = "pt_BR"
    offer(iphone, technician)

    (mail,) = mails()

    assert mail.subject.startswith("Podemos fazer isto também?")
    assert "£" in mail.text


def test_what_is_answered_or_taken_back_first_is_not_asked_about(iphone, technician):
    answered = offer(iphone, technician)
    approvals.decide(
        repairs.lock_repair(iphone.number), answered.id, approved=False, name="Hannah", how="link", actor=CUSTOMER
    )
    db.session.commit()
    recalled = offer(iphone, technician)
    approvals.withdraw(repairs.lock_repair(iphone.number), recalled.id, actor=technician.actor)
    db.session.commit()

    assert mails() == []
    assert skipped("repair.work_offered") == ["Skipped: it was answered or taken back before"] * 2


def test_who_has_no_address_is_not_asked(iphone, technician, front_desk):
    iphone.customer.email = ""
    offer(iphone, technician)
    ask_to_hold(iphone, front_desk, 5_000)

    assert mails() == []
    assert skipped("repair.work_offered") == ["Skipped: the customer has no e-mail"]
    assert skipped("payment.hold_asked") == ["Skipped: the customer has no e-mail"]


def test_an_amount_to_be_held_is_asked_for_once_and_again_where_it_changes(iphone, front_desk):
    for amount in (5_000, 5_000, 7_000):
        ask_to_hold(iphone, front_desk, amount)
        mails()

    first, second = mails()

    assert first.subject == f"May we have £50.00 held on your card? {iphone.number}"
    assert "Nothing is taken now." in first.text
    assert button_link(first).endswith(f"/track/{iphone.tracking_token}/pay")
    assert "£70.00" in second.subject

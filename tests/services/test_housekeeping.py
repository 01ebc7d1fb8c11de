"""What was kept for a time only is forgotten, and nothing else."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.account import AccountToken, CustomerAccount, Purpose
from shop.models.base import utc_now
from shop.models.booking import BookingDraft, IdempotencyKey
from shop.models.event import Delivery, Event
from shop.models.staff import SignIn
from shop.services import drafts, housekeeping, relay
from shop.services.housekeeping import Forgotten, forget_old


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 3)


def ago(**time):
    return utc_now() - timedelta(**time)


def keep_key(name: str, *, created_at) -> None:
    db.session.add(IdempotencyKey(scope="bookings", key=name, request_hash="", answer="{}", created_at=created_at))


def keep_sign_in(person, name: str, *, seen_at) -> None:
    db.session.add(
        SignIn(
            token_hash=name, staff_id=person.id, created_at=seen_at, seen_at=seen_at, expires_at=seen_at, ended_at=None
        )
    )


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def test_keys_are_kept_for_thirty_days(app, session):
    keep_key("yesterday", created_at=ago(days=1))
    keep_key("nearly", created_at=ago(days=29, hours=23))
    keep_key("over", created_at=ago(days=30, minutes=1))
    session.commit()

    assert forget_old() == Forgotten(idempotency_keys=1)
    assert set(session.scalars(select(IdempotencyKey.key))) == {"yesterday", "nearly"}


def test_drafts_are_gone_within_the_thirty_days_that_the_privacy_page_promises(app, session):
    old, ended, living = (drafts.start_draft(locale="en") for _ in range(3))
    old.expires_at, ended.expires_at = ago(days=29, hours=12), ago(days=28)
    kept = {ended.token, living.token}
    session.commit()

    assert forget_old() == Forgotten(booking_drafts=1)
    assert set(session.scalars(select(BookingDraft.token))) == kept


def test_sign_ins_are_kept_for_ninety_days_after_their_end_and_the_last_of_a_person_for_ever(
    session, technician, front_desk
):
    keep_sign_in(technician, "old", seen_at=ago(days=91))
    keep_sign_in(technician, "ended", seen_at=ago(days=89))
    keep_sign_in(front_desk, "first", seen_at=ago(days=300))
    keep_sign_in(front_desk, "last seen", seen_at=ago(days=200))
    session.commit()

    assert forget_old() == Forgotten(sign_ins=2)
    assert set(session.scalars(select(SignIn.token_hash))) == {"ended", "last seen"}


def test_batch_after_batch_until_nothing_is_left_and_then_nothing(app, session, small_batches):
    for number in range(7):
        keep_key(f"key-{number}", created_at=ago(days=31))
    session.commit()

    assert [forget_old().total, forget_old().total] == [7, 0]


def test_stops_between_batches_and_keeps_what_it_has_done(app, session, small_batches):
    for number in range(7):
        keep_key(f"key-{number}", created_at=ago(days=31))
    session.commit()
    answers = iter([False])

    forgotten = forget_old(is_stopping=lambda: next(answers, True))
    session.rollback()

    assert (forgotten, count(IdempotencyKey)) == (Forgotten(idempotency_keys=3), 4)


def test_two_at_once_delete_each_row_once(app, session, small_batches):
    for number in range(40):
        keep_key(f"key-{number}", created_at=ago(days=31))
    session.commit()
    session.remove()
    deleted, start = [], threading.Barrier(2)

    def tidy() -> None:
        with app.app_context():
            start.wait(timeout=10)
            deleted.append(forget_old().total)

    threads = [threading.Thread(target=tidy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(deleted) == 2
    assert sum(deleted) + count(IdempotencyKey) == 40
    assert forget_old().total == 40 - sum(deleted)


def test_events_and_finished_deliveries_stay(session, cracked_iphone):
    relay.relay_batch()
    session.commit()
    delivery = session.scalars(select(Delivery)).one()
    delivery.state, delivery.due_at = "done", ago(days=1000)
    session.commit()

    forget_old()

    assert (count(Event), count(Delivery)) == (1, 1)


def keep_account(email: str, *, asked_at, password_hash: str | None = None, expires_at=None) -> None:
    account = CustomerAccount(email=email, asked_at=asked_at, password_hash=password_hash, failures=0, version=1)
    db.session.add(account)
    db.session.flush()
    if expires_at:
        link = AccountToken(token_hash=email, account_id=account.id, purpose=Purpose.LINK, expires_at=expires_at)
        db.session.add(link)


def test_links_end_with_their_time_and_addresses_that_nobody_proved_go_with_them(app, session):
    keep_account("unknown@example.com", asked_at=ago(hours=25))
    keep_account("ignored@example.com", asked_at=ago(hours=25), expires_at=ago(minutes=1))
    keep_account("late-mail@example.com", asked_at=ago(hours=25), expires_at=utc_now() + timedelta(hours=1))
    keep_account("fresh@example.com", asked_at=ago(hours=23))
    keep_account("member@example.com", asked_at=ago(days=400), password_hash="x", expires_at=ago(days=1))
    session.commit()

    assert forget_old() == Forgotten(account_tokens=2, customer_accounts=2)
    assert set(session.scalars(select(CustomerAccount.email))) == {
        "late-mail@example.com", "fresh@example.com", "member@example.com",
    }  # fmt: skip
    assert list(session.scalars(select(AccountToken.token_hash))) == ["late-mail@example.com"]


def test_id_of_a_forgotten_account_is_never_given_again(app, session):
    keep_account("unknown@example.com", asked_at=ago(hours=25))
    session.commit()
    before = session.scalar(select(CustomerAccount.id))
    forget_old()

    keep_account("next@example.com", asked_at=utc_now())
    session.commit()

    assert session.scalar(select(CustomerAccount.id)) > before


def test_command_says_how_many_of_each(app, session):
    keep_key("over", created_at=ago(days=31))
    session.commit()

    answer = app.test_cli_runner().invoke(args=["housekeeping"])

    assert answer.output.splitlines() == [
        "idempotency keys: 1", "booking drafts: 0", "staff drafts: 0", "sign ins: 0", "account tokens: 0",
        "customer accounts: 0", "undoable acts: 0", "bulk items: 0", "bulk runs: 0", "word uses: 0",
        "provider calls: 0", "provider events: 0", "refused webhooks: 0",
    ]  # fmt: skip
    assert count(IdempotencyKey) == 0

"""A customer's account through a browser: one tap, a link by mail, a password, one's own repairs and nobody else's."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, func, select

from shop.extensions import db
from shop.models.account import AccountToken, CustomerAccount
from shop.models.base import utc_now
from shop.models.event import Delivery, DeliveryState, Event, EventDetail
from shop.models.outbox import OutboxMessage
from shop.services import accounts, deliveries, relay
from tests import factories
from tests.booking.walk import LEILA, Visitor
from tests.statements import statements_of

PASSWORD = "four words, no relation"
HANNAH = "hannah@example.com"


@pytest.fixture
def hannah(app):
    """A customer with a cracked iPhone, and no account yet."""
    return factories.repair().customer


@pytest.fixture
def member(hannah) -> str:
    """Hannah's address, now with an account and a password."""
    add_account(HANNAH)
    return HANNAH


@pytest.fixture
def visitor(stranger, app):
    with app.app_context():
        yield Visitor(stranger)


def add_account(email: str, *, password: str = PASSWORD) -> None:
    accounts.ask_link(email, locale="en")
    account_id = db.session.scalar(select(CustomerAccount.id).where(CustomerAccount.email == email))
    accounts.set_password(accounts.new_link(account_id).token, password)
    db.session.commit()


def deliver() -> list[OutboxMessage]:
    """Everything that is owed is written; the links to accounts among it."""
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")
    query = select(OutboxMessage).where(OutboxMessage.template == "account_link").order_by(OutboxMessage.id)
    return list(db.session.scalars(query))


def link_in(mail: OutboxMessage) -> str:
    """The path that the mail leads to; the same in both parts."""
    [path] = set(re.findall(r"http://127\.0\.0\.1:8000(/account/set-password/[\w-]+)", mail.text + mail.html))
    return path


def ask(client, email: str = HANNAH):
    return client.post("/account/forgot", data={"email": email}, follow_redirects=True)


def set_password(client, path: str, password: str = PASSWORD):
    client.get(path)
    return client.post("/account/set-password", data={"password": password})


def sign_in(client, email: str = HANNAH, password: str = PASSWORD):
    return client.post("/account/sign-in", data={"email": email, "password": password})


def words_of(answer) -> str:
    """The page without what differs for every visitor: tokens of forms, and the address that was typed."""
    return re.sub(r'(content|value)="([^"]{22,}|[^"]*@example\.com)"', "", answer.text)


def is_signed_in(client) -> bool:
    return client.get("/account/").status_code == 200


def test_one_tap_after_a_booking_leads_by_mail_to_ones_repairs(visitor):
    visitor.come_to("confirmed")
    tapped = visitor.client.post(f"/book/{visitor.token}/account")
    said = visitor.client.get(tapped.headers["Location"]).text
    [mail] = deliver()
    done = set_password(visitor.client, link_in(mail))

    page = visitor.client.get(done.headers["Location"])

    assert "We have sent a link to leila@example.com." in said
    assert (mail.recipient, mail.subject, mail.repair_id) == (LEILA["email"], "Your link to set a password", None)
    assert (tapped.status_code, done.status_code, done.headers["Location"]) == (303, 303, "/account/")
    assert "iPhone 14 Pro" in page.text
    assert re.search(r'href="/track/[\w-]+"', page.text)
    assert "My repairs" in visitor.page("confirmed").text


def test_tap_before_the_booking_is_made_sends_nothing(visitor):
    visitor.come_to("review")

    answer = visitor.client.post(f"/book/{visitor.token}/account")

    assert answer.status_code == 303
    assert db.session.scalar(select(func.count(CustomerAccount.id))) == 0


def test_mail_holds_a_link_and_no_password_in_the_language_of_the_page(stranger, hannah):
    stranger.set_cookie("locale", "pt_BR")
    ask(stranger)
    [mail] = deliver()

    set_password(stranger, link_in(mail))

    assert (mail.locale, mail.subject) == ("pt_BR", "Seu link para definir uma senha")
    assert 'lang="pt-BR"' in mail.html
    everything = "".join(message.text + message.html for message in db.session.scalars(select(OutboxMessage)))
    assert PASSWORD not in everything
    account = db.session.scalars(select(CustomerAccount)).one()
    assert account.password_hash not in everything


def test_link_stands_neither_in_the_log_nor_in_the_accounts(stranger, hannah):
    ask(stranger)
    [mail] = deliver()
    token = link_in(mail).rpartition("/")[2]

    kept = [
        *db.session.scalars(select(Event.body)),
        *db.session.scalars(select(EventDetail.body)),
        *db.session.scalars(select(AccountToken.token_hash)),
        *db.session.scalars(select(Delivery.error)),
    ]

    assert [text for text in kept if token in text or HANNAH in text] == []
    assert [fact for fact in db.session.scalars(select(Event.verb)) if fact.startswith("customer")] == [
        "customer_account.link_asked"
    ]


def test_console_shows_the_mail_without_a_link_that_works(stranger, hannah, owner, browser_of):
    ask(stranger)
    [mail] = deliver()
    token = link_in(mail).rpartition("/")[2]
    console = browser_of(owner)

    pages = [console.get(f"/admin/outbox/{mail.id}").text, console.get(f"/admin/outbox/{mail.id}/preview").text]

    assert [token in page for page in pages] == [False, False]
    assert ["/account/set-password/…" in page for page in pages] == [True, True]


def test_link_leaves_the_address_before_a_page_is_shown(stranger, hannah):
    ask(stranger)
    [mail] = deliver()
    path = link_in(mail)

    opened = stranger.get(path)
    page = stranger.get(opened.headers["Location"])

    assert (opened.status_code, opened.headers["Location"]) == (303, "/account/set-password")
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert path.rpartition("/")[2] not in page.text
    assert HANNAH in page.text
    assert stranger.get("/").headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_used_old_and_invented_links_get_the_same_page(app, stranger, hannah):
    ask(stranger)
    [mail] = deliver()
    path = link_in(mail)
    stranger.get(path)
    with time_machine.travel(utc_now() + timedelta(hours=24, minutes=1), tick=False):
        old = stranger.get("/account/set-password")
    set_password(stranger, path)

    used = app.test_client().get(path, follow_redirects=True)
    used_again = set_password(app.test_client(), path, "another password")
    invented = app.test_client().get("/account/set-password/" + "x" * 43, follow_redirects=True)
    none = app.test_client().get("/account/set-password")

    answers = (old, used, used_again, invented, none)
    assert [answer.status_code for answer in answers] == [410] * 5
    assert len({words_of(answer) for answer in answers}) == 1
    assert 'action="/account/forgot"' in invented.text
    assert sign_in(app.test_client()).status_code == 303


def test_looking_at_a_link_does_not_use_it_up_and_neither_does_a_short_password(app, stranger, hannah):
    ask(stranger)
    [mail] = deliver()
    for _scanner in range(2):
        app.test_client().get(link_in(mail), follow_redirects=True)

    short = set_password(stranger, link_in(mail), "short")
    good = set_password(stranger, link_in(mail))

    assert (short.status_code, good.status_code) == (422, 303)
    assert "Use a password of 10 to 256 characters." in short.text


def test_unknown_address_gets_the_same_answer_and_no_mail(stranger, hannah):
    known, unknown = ask(stranger), ask(stranger, "nobody@example.com")
    mails = deliver()

    assert known.status_code == unknown.status_code == 200
    assert words_of(known).replace(HANNAH, "X") == words_of(unknown).replace("nobody@example.com", "X")
    assert [mail.recipient for mail in mails] == [HANNAH]


def test_one_tap_says_the_same_to_who_has_an_account(visitor):
    visitor.come_to("confirmed")
    before = visitor.client.post(f"/book/{visitor.token}/account", follow_redirects=True)
    add_account(LEILA["email"])

    after = visitor.client.post(f"/book/{visitor.token}/account", follow_redirects=True)

    assert words_of(after) == words_of(before)


def test_asking_again_and_again_sends_one_mail_in_five_minutes(stranger, hannah):
    for _time in range(3):
        ask(stranger)
    soon = len(deliver())
    with time_machine.travel(utc_now() + timedelta(minutes=6), tick=False):
        ask(stranger)

    assert (soon, len(deliver())) == (1, 2)


@pytest.mark.parametrize("email", ["", "hannah", "x" * 300 + "@example.com"])
def test_what_is_no_address_is_said(stranger, email):
    answer = stranger.post("/account/forgot", data={"email": email})

    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert db.session.scalar(select(func.count(CustomerAccount.id))) == 0


def test_sign_in_says_the_same_for_unknown_wrong_and_locked(app, stranger, member):
    factories.customer("Nadia", email="nadia@example.com")
    db.session.commit()
    answers = [
        sign_in(stranger, "nobody@example.com"),
        sign_in(stranger, "nadia@example.com"),
        *(sign_in(stranger, password="wrong password") for _try in range(5)),
        sign_in(stranger),
    ]

    assert len({words_of(answer) for answer in answers}) == 1
    assert [answer.status_code for answer in answers] == [422] * 8
    assert not is_signed_in(stranger)


def test_five_wrong_passwords_lock_for_fifteen_minutes_and_a_new_link_opens(app, stranger, member):
    for _try in range(5):
        sign_in(stranger, password="wrong password")
    locked = sign_in(stranger).status_code
    with time_machine.travel(utc_now() + timedelta(minutes=16), tick=False):
        later = sign_in(app.test_client()).status_code

    assert (locked, later) == (422, 303)
    [body] = db.session.scalars(select(Event.body).where(Event.verb == "customer_account.locked"))
    assert body == '{"minutes":15}'


def test_address_is_found_however_it_is_written(stranger, member):
    assert sign_in(stranger, " Hannah@Example.COM ").status_code == 303


def test_new_password_ends_every_other_sign_in(app, stranger, member):
    sign_in(stranger)
    other = app.test_client()
    sign_in(other)
    with time_machine.travel(utc_now() + timedelta(minutes=6), tick=False):
        stranger.post("/account/forgot", data={"email": HANNAH})
        mail = deliver()[-1]

    set_password(other, link_in(mail), "another four words")

    assert (is_signed_in(stranger), is_signed_in(other)) == (False, True)
    assert sign_in(app.test_client()).status_code == 422
    assert sign_in(app.test_client(), password="another four words").status_code == 303


def test_sign_out_ends_the_sign_in_on_the_server_too(app, stranger, member):
    sign_in(stranger)
    with stranger.session_transaction() as cookie:
        stolen = cookie["customer"]
    stranger.post("/account/sign-out")
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie["customer"] = stolen

    assert (is_signed_in(stranger), is_signed_in(thief)) == (False, False)
    assert stranger.post("/account/sign-out").status_code == 303


def test_a_link_is_no_sign_in(app, stranger, hannah):
    ask(stranger)
    [mail] = deliver()
    with stranger.session_transaction() as cookie:
        cookie["customer"] = link_in(mail).rpartition("/")[2]

    assert not is_signed_in(stranger)


def test_customer_cannot_enter_the_console(stranger, member):
    sign_in(stranger)
    with stranger.session_transaction() as cookie:
        token = cookie["customer"]
    pages = [stranger.get(path).status_code for path in ("/admin/", "/admin/repairs/", "/admin/account/")]
    with stranger.session_transaction() as cookie:
        cookie["_user_id"] = token

    assert pages == [303, 303, 303]
    assert stranger.get("/admin/repairs/").status_code == 303


def test_sign_in_as_customer_leaves_the_staffs_sign_in_alone(member, technician, browser_of):
    browser = browser_of(technician)

    sign_in(browser)
    both = (is_signed_in(browser), browser.get("/admin/repairs/").status_code)
    browser.post("/account/sign-out")

    assert both == (True, 200)
    assert browser.get("/admin/repairs/").status_code == 200


def test_staff_are_no_customers(stranger, technician):
    assert sign_in(stranger, technician.email, factories.PASSWORD).status_code == 422


def test_my_repairs_are_those_of_the_proved_address_and_no_others(stranger, member):
    theirs = factories.repair(customer=factories.customer("Hannah's son"), label="Fairphone 4")
    others = factories.repair(customer=factories.customer("Hannah Whitcombe", email="other@example.com"))
    sign_in(stranger)

    page = stranger.get("/account/").text

    assert re.findall(r"RT-\d+", page) == [theirs.number, f"RT-{theirs.id - 1 + 10_000}"]
    assert others.tracking_token not in page
    assert f'href="/track/{theirs.tracking_token}"' in page


@pytest.mark.parametrize("more", [0, 2])
def test_my_repairs_take_two_statements_however_many_there_are(stranger, member, more):
    for _repair in range(more):
        factories.repair(customer=factories.customer())
    sign_in(stranger)

    sent = statements_of(lambda: stranger.get("/account/"))

    assert len(sent) == 2


def test_pages_of_the_account_ask_a_stranger_to_sign_in(stranger):
    asked = stranger.get("/account/")

    assert (asked.status_code, asked.headers["Location"]) == (303, "/account/sign-in")
    assert stranger.get("/account/link-sent").headers["Location"] == "/account/forgot"
    assert stranger.get("/account/sign-in").headers["Cache-Control"] == "no-store"


def test_wizard_fills_in_who_is_signed_in_and_nobody_else(app, stranger, member):
    known, unknown = Visitor(stranger), Visitor(app.test_client())
    sign_in(stranger)
    known.come_to("details")
    unknown.come_to("details")

    filled, empty = known.page("details").text, unknown.page("details").text

    values = ["Hannah Whitcombe", HANNAH, "+447700900418"]
    assert [f'value="{value}"' in filled for value in values] == [True] * 3
    assert [value in empty for value in values] == [False] * 3


def test_wizard_keeps_what_a_signed_in_customer_types(stranger, member):
    visitor = Visitor(stranger)
    sign_in(stranger)
    visitor.come_to("review")

    page = visitor.page("details").text

    assert 'value="leila@example.com"' in page
    assert HANNAH not in page


def test_operator_makes_a_link_for_a_customer_whose_mail_does_not_arrive(app, stranger, hannah):
    printed = app.test_cli_runner().invoke(args=["account", "link", HANNAH]).output.strip()
    refused = app.test_cli_runner().invoke(args=["account", "link", "hannah"])

    done = set_password(stranger, printed.removeprefix("http://127.0.0.1:8000"))

    assert (done.status_code, is_signed_in(stranger)) == (303, True)
    assert deliver() == []
    assert (refused.exit_code, "not an e-mail address" in refused.output) == (1, True)


def test_link_that_could_not_be_mailed_is_sent_again_from_the_console(app, stranger, hannah, owner, browser_of):
    ask(stranger)
    relay.relay_batch()
    delivery = db.session.scalars(select(Delivery).where(Delivery.ordering_key.startswith("customer_account:"))).one()
    delivery.state, delivery.attempt = DeliveryState.DEAD, delivery.attempts_allowed
    db.session.commit()
    console = browser_of(owner)
    shown = console.get("/admin/outbox/undelivered")

    answer = console.post(f"/admin/outbox/deliveries/{delivery.id}/resend")

    assert (shown.status_code, answer.status_code, len(deliver())) == (200, 303, 1)
    assert "Asked for a link to set a password" in console.get("/admin/audit/?verb=customer_account").text


def test_link_of_an_account_that_was_forgotten_is_not_sent_again(app, stranger, hannah, owner, browser_of):
    ask(stranger, "nobody@example.com")
    relay.relay_batch()
    delivery = db.session.scalars(select(Delivery).where(Delivery.ordering_key.startswith("customer_account:"))).one()
    delivery.state = DeliveryState.DEAD
    db.session.execute(delete(CustomerAccount))
    db.session.commit()

    assert browser_of(owner).post(f"/admin/outbox/deliveries/{delivery.id}/resend").status_code == 404


def test_mail_to_nobody_is_noted_on_its_delivery_without_the_address(stranger, hannah):
    ask(stranger, "nobody@example.com")
    deliver()

    [note] = db.session.scalars(select(Delivery.error).where(Delivery.ordering_key.startswith("customer_account:")))

    assert note == "Skipped: nobody has booked with this address"
    assert db.session.scalar(select(func.count(AccountToken.token_hash))) == 0

import threading

import pytest

from shop.extensions import db
from shop.models.booking import IdempotencyKey
from shop.models.errors import IdempotencyMismatch
from shop.services.idempotency import remember, remembered

REQUEST, ANSWER = {"device": 1, "at": "noon"}, {"number": "RT-10001"}


def test_remembered_gives_the_answer_to_the_same_request_however_it_was_laid_out(app, session):
    assert remembered("bookings", "key", REQUEST) is None
    remember("bookings", "key", ANSWER)
    session.commit()

    assert remembered("bookings", "key", dict(reversed(REQUEST.items()))) == ANSWER


def test_remembered_refuses_another_request_under_the_same_key(app, session):
    remembered("bookings", "key", REQUEST)
    remember("bookings", "key", ANSWER)
    session.commit()

    with pytest.raises(IdempotencyMismatch):
        remembered("bookings", "key", REQUEST | {"device": 2})


def test_keys_of_other_scopes_and_in_another_case_are_other_keys(app, session):
    remembered("bookings", "key", REQUEST)
    remember("bookings", "key", ANSWER)
    session.commit()

    assert remembered("payments", "key", REQUEST) is None
    assert remembered("bookings", "KEY", REQUEST) is None


def test_nothing_is_remembered_of_a_request_that_failed(app, session):
    remembered("bookings", "key", REQUEST)
    session.rollback()

    assert remembered("bookings", "key", {"another": "request"}) is None
    assert session.query(IdempotencyKey).count() == 1


def test_of_concurrent_twins_one_acts_and_all_get_its_answer(app, session):
    session.remove()
    acted, answers, start = [], [], threading.Barrier(8)

    def twin(number: int) -> None:
        with app.app_context():
            start.wait(timeout=10)
            answer = remembered("bookings", "key", REQUEST)
            if answer is None:
                acted.append(number)
                answer = {"number": number}
                remember("bookings", "key", answer)
                db.session.commit()
            answers.append(answer)

    threads = [threading.Thread(target=twin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(acted) == 1
    assert answers == [{"number": acted[0]}] * 8

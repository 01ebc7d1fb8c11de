"""The wizard's memory by itself."""

from datetime import timedelta

import pytest

from shop.models.base import utc_now
from shop.models.booking import BookingDraft
from shop.services import drafts
from shop.services.drafts import DraftGone, Step


@pytest.fixture
def draft(app, session) -> BookingDraft:
    draft = drafts.start_draft(locale="pt_BR")
    session.commit()
    return draft


def test_start_draft_gives_an_unguessable_link(draft):
    assert len(draft.token) == 22
    assert drafts.first_incomplete(drafts.answers_of(draft)) is Step.DEVICE


def test_answer_twice_changes_once(draft):
    drafts.answer(draft, device_id=1)
    version = draft.version

    drafts.answer(draft, device_id=1)

    assert draft.version == version == 1


def test_answer_extends_the_life_of_the_draft(draft):
    draft.expires_at = utc_now() + timedelta(minutes=1)

    drafts.answer(draft, device_id=1)

    assert draft.expires_at > utc_now() + timedelta(days=13)


def test_another_service_drops_the_slot_but_no_contact_data(draft):
    drafts.answer(draft, service_type="in_store", slot_start="2026-11-26T10:30:00+00:00", name="Leila")

    answers = drafts.answer(draft, service_type="pickup")

    assert (answers.slot_start, answers.name) == ("", "Leila")


def test_priced_change_drops_the_quote_and_others_keep_it(draft):
    drafts.answer(draft, device_id=1, repair_type_ids=(1,))
    drafts.answer(draft, quote_id=7)

    kept = drafts.answer(draft, name="Leila")
    dropped = drafts.answer(draft, urgency="express")

    assert (kept.quote_id, dropped.quote_id) == (7, None)


def test_get_draft_refuses_unknown_and_expired_links(draft, session):
    draft.expires_at = utc_now() - timedelta(seconds=1)
    session.commit()

    for token in (draft.token, "unknown", ""):
        with pytest.raises(DraftGone):
            drafts.get_draft(token)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("e27jp", "E2 7JP"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("sw1a-1aa", "SW1A 1AA"),
        ("E2 7J", None),
        ("", None),
        ("😀", None),
    ],
)
def test_find_postcode_writes_it_as_it_is_written(typed, written):
    assert drafts.find_postcode(typed) == written

import pytest

from shop.models.payment_policy import PayChoice, choices, due_now

URGENT = frozenset({"express", "same_day"})
RULE = {"total": 18_900, "percent": 25, "deposit_for": URGENT, "online": True}


@pytest.mark.parametrize(
    ("facts", "allowed"),
    [
        ({"urgency": "standard"}, ["later", "full"]),
        ({"urgency": "express"}, ["deposit", "full"]),
        ({"urgency": "same_day"}, ["deposit", "full"]),
        ({"urgency": "express", "percent": 100}, ["full"]),
        ({"urgency": "express", "percent": 0}, ["later", "full"]),
        ({"urgency": "standard", "deposit_for": {"standard"}}, ["deposit", "full"]),
        ({"urgency": "express", "online": False}, ["later"]),
        ({"urgency": "express", "total": 0}, ["later"]),
    ],
)
def test_deposit_is_the_least_for_what_is_urgent(facts, allowed):
    assert choices(**{**RULE, **facts}) == tuple(map(PayChoice, allowed))


@pytest.mark.parametrize(
    ("choice", "total", "due"),
    [
        ("later", 18_900, 0),
        ("full", 18_900, 18_900),
        ("deposit", 18_900, 4_725),
        ("deposit", 9_990, 2_498),
        ("deposit", 1, 1),
    ],
)
def test_deposit_is_a_rounded_part_of_the_price(choice, total, due):
    assert due_now(PayChoice(choice), total=total, percent=25) == due

import pytest

from shop.models.skills import Level, Needs, fit

BOARD = Needs((("phone-board", "phone-screens"),), "smartphone", "Apple")
TWO = Needs((("phone-battery", "batteries"), ("phone-port", "charging-ports")), "smartphone", "Apple")


@pytest.mark.parametrize(
    ("skills", "level", "subject"),
    [
        ({}, None, "type:phone-board"),
        ({"device:smartphone": "expert"}, Level.EXPERT, "device:smartphone"),
        ({"device:smartphone": "expert", "brand:apple": "able"}, Level.ABLE, "brand:apple"),
        ({"brand:apple": "able", "category:phone-screens": "learning"}, Level.LEARNING, "category:phone-screens"),
        ({"category:phone-screens": "expert", "type:phone-board": "never"}, Level.NEVER, "type:phone-board"),
        ({"device:laptop": "expert"}, None, "type:phone-board"),
    ],
)
def test_what_is_most_particular_decides(skills, level, subject):
    found = fit(skills, BOARD)

    assert (found.level, found.subject) == (level, subject)


def test_weakest_line_counts():
    found = fit({"category:batteries": "expert", "category:charging-ports": "learning"}, TWO)

    assert (found.level, found.subject) == (Level.LEARNING, "category:charging-ports")


def test_ticket_without_lines_asks_for_the_device():
    assert fit({"device:console": "able"}, Needs((), "console", "Sony")).level == Level.ABLE
    assert fit({}, Needs()).subject == ""


def test_levels_are_in_order():
    ranks = [fit({"device:laptop": level} if level else {}, Needs(device="laptop")).rank
             for level in ("never", None, "learning", "able", "expert")]  # fmt: skip

    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 5

import pytest

from shop.models.errors import Stale
from shop.services.merging import merge

BASE = {"family": "Galaxy S", "year": "2022"}


def test_fields_that_only_one_of_the_two_changed_merge():
    saved = merge({"family": "Galaxy", "year": "2022"}, base=BASE, now={"family": "Galaxy S", "year": "2023"})

    assert saved == {"family": "Galaxy", "year": "2023"}


def test_field_that_both_changed_is_shown_with_all_three_sides():
    with pytest.raises(Stale) as refused:
        merge({"family": "Mine", "year": "2022"}, base=BASE, now={"family": "Theirs", "year": "2022"})

    assert refused.value.conflicts == {"family": ("Galaxy S", "Theirs", "Mine")}


def test_same_change_by_both_is_no_clash():
    assert merge({"family": "Same"}, base=BASE, now={"family": "Same"}) == {"family": "Same"}


def test_line_ends_and_space_around_are_no_change():
    now = {"note": "a\nb", "year": "2023"}

    assert merge({"note": " a\r\nb ", "year": "1"}, base={"note": "a\nb", "year": "2023"}, now=now)["note"] == "a\nb"

"""What a person sees when everything fails."""

import pytest
from sqlalchemy.exc import OperationalError

from shop.services import staff


@pytest.fixture
def database_down(monkeypatch):
    def fail(_token):
        raise OperationalError("SELECT", {}, Exception("the database is gone"))

    monkeypatch.setattr(staff, "find_signed_in", fail)


@pytest.mark.parametrize(("language", "words"), [("en", "We made a mistake"), ("pt-BR", "Cometemos um erro")])
def test_page_of_an_error_needs_no_database(browser_of, technician, database_down, language, words):
    answer = browser_of(technician).get("/admin/repairs/", headers={"Accept-Language": language})

    assert answer.status_code == 500
    assert words in answer.text
    assert "Traceback" not in answer.text
    assert "gone" not in answer.text

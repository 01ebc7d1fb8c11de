import pytest

from tests.booking.walk import Visitor
from tests.payments import simulator, till  # noqa: F401


@pytest.fixture
def visitor(stranger, app):
    """Somebody at the wizard's door."""
    with app.app_context():
        yield Visitor(stranger)

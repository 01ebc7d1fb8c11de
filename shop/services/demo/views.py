"""What the demo shop's people have made of the queue: views that they share or keep, and which opens first."""

from shop.models.permissions import Role
from shop.services import saved_views, staff
from shop.services.demo.people import email_of
from shop.services.filters import parse_filters

# Name, filters, whose, whether everybody has it.
_VIEWS = (
    (
        "Parts overdue",
        {"status": "awaiting_parts", "since": "2d", "sort": "since"},
        "Maya Lind",
        True,
    ),
    ("Urgent, nobody on it", {"priority": "urgent", "assignee": "nobody"}, "Maya Lind", True),
    ("My quotes to chase", {"status": "awaiting_approval", "assignee": "me", "sort": "since"}, "Priya Nair", False),
)
_FIRST = {Role.TECHNICIAN: "mine", Role.FRONT_DESK: "today"}


def save_demo_views() -> None:
    """Of a shop that has none yet."""
    for name, arguments, colleague, is_shared in _VIEWS:
        person = staff.find_staff(email_of(colleague))
        if person is not None:
            saved_views.save_view(name, parse_filters(arguments), is_shared=is_shared, actor=person.actor)
    if manager := staff.find_staff(email_of("Maya Lind")):
        for role, slug in _FIRST.items():
            saved_views.set_first_of_role(role, slug, actor=manager.actor)

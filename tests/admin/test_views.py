import html
import json
import re

import pytest

from shop.extensions import db
from shop.models.event import Event
from shop.models.preferences import loads
from shop.models.saved_view import RoleView, SavedView
from shop.models.staff import Staff
from shop.models.workflow import State
from shop.services import filters, saved_views
from tests import factories

HTMX = {"HX-Request": "true"}
VIEWS = "/admin/repairs/views/"


@pytest.fixture
def bench(browser_of, technician):
    """The technician's browser."""
    return browser_of(technician)


@pytest.fixture
def office(browser_of, manager):
    """The manager's browser."""
    return browser_of(manager)


@pytest.fixture
def slow_parts(session, manager):
    """A view that the manager shares: what waits for parts, longest first."""
    asked = filters.parse_filters({"status": "awaiting_parts", "sort": "since"})
    view = saved_views.save_view("Slow parts", asked, is_shared=True, actor=manager.actor)
    session.commit()
    return view


def likes(person):
    db.session.expire_all()
    return loads(db.session.get(Staff, person.id).preferences)


def verbs(session) -> list[str]:
    return [event.verb for event in session.query(Event).order_by(Event.id) if "view" in event.verb]


def tabs_of(page) -> list[str]:
    return re.findall(r'<a class="tab" href="\?view=([^"]+)"', page.text)


def test_filters_of_the_list_are_saved_under_a_name(bench, session, technician):
    address = f"{VIEWS}new?status=awaiting_parts&assignee=me"
    form = bench.get(address, headers=HTMX)
    saved = bench.post(address, data={"name": "My parts", "shared": ""}, headers=HTMX)

    view = session.query(SavedView).one()
    assert "<dialog" in form.text
    assert (saved.status_code, saved.headers["HX-Redirect"]) == (204, "/admin/repairs/?view=my-parts")
    assert (view.name, view.owner_id, view.is_shared) == ("My parts", technician.id, False)
    assert json.loads(view.arguments) == {"view": "open", "status": "awaiting_parts", "assignee": "me"}
    assert verbs(session) == ["saved_view.created"]


def test_saved_view_is_a_tab_with_its_count_and_opens_by_its_address(bench, slow_parts):
    waits = factories.repair(State.AWAITING_PARTS)
    factories.repair()

    page = bench.get("/admin/repairs/?view=slow-parts")

    assert re.findall(r'data-repair="([^"]+)"', page.text) == [waits.number]
    assert 'class="menu-item" href="?view=slow-parts" aria-current="page"' in page.text
    assert re.search(r'aria-current="page">Slow parts\s*<span class="tab-count">1<', page.text)
    assert 'data-order="since"' in page.text
    assert re.findall(r'data-repair="([^"]+)"', bench.get("/admin/repairs/board?view=slow-parts").text) == [
        waits.number
    ]


def test_saving_without_a_script_leads_to_the_view(bench, session):
    answer = bench.post(f"{VIEWS}new?view=late", data={"name": "Late ones"})

    assert (answer.status_code, answer.location) == (303, "/admin/repairs/?view=late-ones")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize(
    ("address", "name", "said"),
    [
        ("?status=ready", " ", "Give the view a name"),
        ("?status=ready", "x" * 41, "Keep the name under"),
        ("?status=lost", "Lost", "These filters cannot be kept"),
    ],
)
def test_view_that_cannot_be_kept_comes_back_as_typed(bench, session, headers, address, name, said):
    answer = bench.post(f"{VIEWS}new{address}", data={"name": name}, headers=headers)

    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{name}"' in answer.text
    assert (session.query(SavedView).count(), verbs(session)) == (0, [])


def test_only_leaders_are_offered_to_share_and_may(bench, office, session, slow_parts):
    assert 'name="shared"' in office.get(f"{VIEWS}new").text
    assert 'name="shared"' not in bench.get(f"{VIEWS}new").text

    shared = bench.post(f"{VIEWS}new?view=late", data={"name": "For all", "shared": "1"})
    taken = bench.post(f"{VIEWS}{slow_parts.id}/delete")
    role = bench.post(f"{VIEWS}role", data={"role": "technician", "slug": "late"})

    assert (shared.status_code, taken.status_code, role.status_code) == (403, 403, 404)
    assert session.query(SavedView).count() == 1


def test_shared_view_is_changed_for_who_uses_it(office, bench, session, slow_parts):
    address = f"{VIEWS}{slow_parts.id}/edit?view=slow-parts&assignee=nobody"
    form = office.get(address)
    answer = office.post(address, data={"name": "Stuck", "shared": "1", "filters": "1", "seen": slow_parts.version})

    page = bench.get("/admin/repairs/?view=slow-parts")
    assert "Take over the filters" in form.text
    assert answer.location == "/admin/repairs/?view=slow-parts"
    assert "Stuck" in page.text
    assert "assignee=nobody" not in re.search(r'data-rows-url="([^"]+)"', page.text)[1]
    assert json.loads(session.get(SavedView, slow_parts.id).arguments)["assignee"] == "nobody"
    assert verbs(session) == ["saved_view.created", "saved_view.changed"]


def test_open_list_learns_that_its_view_means_other_repairs_now(office, bench, slow_parts, cracked_iphone):
    def shows() -> set[str]:
        paths = ("/admin/repairs/rows", "/admin/repairs/board/cards")
        pieces = [bench.get(f"{path}?view=slow-parts&numbers={cracked_iphone.number}", headers=HTMX) for path in paths]
        return {re.search(r'id="queue-tabs" data-shows="(\w+)"', piece.text)[1] for piece in pieces}

    before, same = shows(), shows()
    address = f"{VIEWS}{slow_parts.id}/edit?status=ready"
    office.post(address, data={"name": "Slow parts", "shared": "1", "filters": "1", "seen": slow_parts.version})
    changed = shows()
    office.post(f"{VIEWS}{slow_parts.id}/delete")

    assert before == same
    assert len(before | changed | shows()) == 3


def test_of_two_who_rename_the_second_sees_the_first_ones_name(office, browser_of, owner, session, slow_parts):
    address, seen = f"{VIEWS}{slow_parts.id}/edit", slow_parts.version
    browser_of(owner).post(address, data={"name": "Stuck", "shared": "1", "seen": seen})

    answer = office.post(address, data={"name": "Waiting", "shared": "1", "seen": seen}, headers=HTMX)
    again = re.search(r'name="seen" value="(\d+)"', answer.text)[1]
    office.post(address, data={"name": "Waiting", "shared": "1", "seen": again})

    session.expire_all()
    assert answer.status_code == 409
    assert "it is called “Stuck” now" in answer.text
    assert 'value="Waiting"' in answer.text
    assert session.get(SavedView, slow_parts.id).name == "Waiting"


def test_deleted_view_says_that_it_is_gone_with_a_way_on(office, bench, session, slow_parts):
    answer = office.post(f"{VIEWS}{slow_parts.id}/delete")
    page = bench.get("/admin/repairs/?view=slow-parts")

    assert (answer.status_code, answer.location) == (303, VIEWS)
    assert page.status_code == 200
    assert "There is no view at this address any more." in page.text
    assert 'href="?view=open"' in page.text
    assert verbs(session)[-1] == "saved_view.deleted"


@pytest.mark.parametrize("path", ["edit", "delete"])
def test_view_of_another_or_of_nobody_is_not_here(bench, office, session, manager, path):
    view = saved_views.save_view("Own", filters.parse_filters({}), is_shared=False, actor=manager.actor)
    session.commit()

    for key in (view.id, 987_654):
        answer = bench.post(f"{VIEWS}{key}/{path}", data={"name": "x", "seen": 1})
        assert (answer.status_code, answer.location) == (303, VIEWS)
        assert "This view is not here any more." in bench.get(VIEWS).text
    assert bench.get(f"{VIEWS}{view.id}/edit").location == VIEWS
    assert session.query(SavedView).one().name == "Own"
    assert "Own" not in bench.get(VIEWS).text


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"slug": "late", "to": "up"}, ["late", "open", "today"]),
        ({"slug": "open", "to": "down"}, ["late", "open", "today"]),
        ({"slug": "open", "to": "up"}, ["open", "late", "today"]),
        ({"slug": "late", "to": "out"}, ["open", "today"]),
        ({"slug": "closed", "to": "in"}, ["open", "late", "today", "closed"]),
        ({"order": "today,open,late,today,gone"}, ["today", "open", "late"]),
        ({"slug": "gone", "to": "up"}, ["open", "late", "today"]),
    ],
)
def test_tabs_are_in_the_persons_own_order(bench, technician, sent, expected):
    bench.post(f"{VIEWS}order", data={"order": "open,late,today"})

    piece = bench.post(f"{VIEWS}order", data=sent, headers=HTMX)

    assert piece.status_code == 200
    assert list(likes(technician).tabs) == expected
    assert re.findall(r'data-view="([^"]+)" draggable', piece.text) == expected
    assert tabs_of(bench.get("/admin/repairs/")) == expected


@pytest.mark.parametrize("order", ["", "gone", ",".join(filters.VIEWS[:5]) + ",a"])
def test_tabs_are_at_least_one(bench, technician, order):
    answer = bench.post(f"{VIEWS}order", data={"order": order}, headers=HTMX)

    known = [slug for slug in order.split(",") if slug in filters.VIEWS]
    assert (answer.status_code, bool(likes(technician).tabs)) == ((200, True) if known else (422, False))


def test_plain_address_opens_what_was_chosen_first(bench, office, session, technician):
    mine, other = factories.repair(assignee_id=technician.id), factories.repair()

    def shown() -> set[str]:
        return set(re.findall(r'data-repair="([^"]+)"', bench.get("/admin/repairs/").text))

    before = shown()
    office.post(f"{VIEWS}role", data={"role": "technician", "slug": "mine"})
    as_role = shown()
    bench.post(f"{VIEWS}first", data={"slug": "unassigned"})

    assert before == {mine.number, other.number}
    assert as_role == {mine.number}
    assert shown() == {other.number}
    assert session.query(RoleView).one().slug == "mine"
    assert set(re.findall(r'data-repair="([^"]+)"', bench.get("/admin/repairs/?view=open").text)) == before


@pytest.mark.parametrize(("path", "data"), [("first", {"slug": "gone"}), ("role", {"role": "king", "slug": "late"})])
def test_first_view_that_is_not_offered_is_refused(office, manager, path, data):
    answer = office.post(f"{VIEWS}{path}", data=data, headers=HTMX)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert likes(manager).view == ""


def test_columns_and_rows_are_kept_for_the_person(bench, technician, browser_of, manager, cracked_iphone):
    sent = {"columns": ["waiting", "due", "customer"], "density": "compact"}
    answer = bench.post(f"{VIEWS}look", data=sent, headers=HTMX)

    page = bench.get("/admin/repairs/").text
    assert json.loads(answer.headers["HX-Trigger"])["look"] == {
        "density": "compact", "hide": "place tags assignee updated",
    }  # fmt: skip
    assert 'data-density="compact" data-hide="place tags assignee updated"' in page
    assert cracked_iphone.customer.name in page
    assert "data-hide" not in browser_of(manager).get("/admin/repairs/").text


def test_all_columns_again_is_nothing_kept(bench, technician):
    bench.post(f"{VIEWS}look", data={"columns": ["due"], "density": "comfortable"})
    hidden = likes(technician).hidden
    answer = bench.post(f"{VIEWS}look", data={"columns": ["place", "tags", "waiting", "assignee", "due", "updated"]})

    assert (answer.status_code, len(hidden)) == (303, 5)
    assert (likes(technician).columns, likes(technician).hidden) == ((), ())


def test_density_that_is_not_offered_is_refused(bench, technician):
    assert bench.post(f"{VIEWS}look", data={"density": "tiny"}, headers=HTMX).status_code == 422
    assert likes(technician).density == "comfortable"


def test_names_of_views_are_escaped(office, session):
    office.post(f"{VIEWS}new?view=late", data={"name": "<script>alert(1)", "shared": "1"})

    for path in ("/admin/repairs/", VIEWS, "/admin/repairs/board"):
        page = office.get(path).text
        assert "<script>alert" not in page
        assert html.escape("<script>alert(1)") in page

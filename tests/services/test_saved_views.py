from functools import partial

import pytest

from shop import database
from shop.extensions import db
from shop.models.errors import Invalid, NotAllowed, NotFound, Stale
from shop.models.event import Event, EventDetail
from shop.models.preferences import Preferences
from shop.models.saved_view import RoleView, SavedView
from shop.services import filters, memory, saved_views

LATE_PARTS = {"status": "awaiting_parts", "since": "2d", "sort": "since"}


def saved(name, actor, *, shared=False, **arguments) -> SavedView:
    asked = filters.parse_filters(arguments or LATE_PARTS)
    view = saved_views.save_view(name, asked, is_shared=shared, actor=actor)
    db.session.commit()
    return view


def views_of(person, **preferences):
    return saved_views.views_of(person.actor, Preferences(**preferences))


def slugs(person, **preferences) -> list[str]:
    return [view.slug for view in views_of(person, **preferences).all if view.id]


def last_event(session) -> Event:
    return session.query(Event).order_by(Event.id.desc()).first()


def test_saved_view_opens_with_its_filters(session, technician):
    view = saved("Parts, slow", technician.actor)

    asked = views_of(technician).read_filters({"view": view.slug})

    assert view.slug == "parts-slow"
    assert (asked.status, asked.since, asked.sort, asked.faults) == ("awaiting_parts", "2d", "since", ())
    assert asked.arguments() == {"view": "parts-slow"}
    assert asked.arguments(status="ready") == {"view": "parts-slow", "status": "ready"}
    assert asked.arguments(since="") == {"status": "awaiting_parts", "sort": "since"}


def test_saving_is_told_without_the_words_that_were_searched(session, technician):
    saved("Hannah", technician.actor, q="hannah whitcombe")

    event = last_event(session)

    assert (event.verb, event.actor, event.body) == (
        "saved_view.created", technician.actor.reference, '{"shared":false}',
    )  # fmt: skip
    assert "hannah whitcombe" in session.get(EventDetail, event.id).body


def test_private_view_is_nobody_elses(session, technician, manager, owner):
    view = saved("Mine", technician.actor)

    assert slugs(technician) == ["mine-2"]
    assert views_of(technician).bar[-1] == "mine-2"
    assert slugs(owner) == []
    assert views_of(owner).read_filters({"view": view.slug}).faults == ("view",)
    with pytest.raises(NotFound):
        saved_views.lock_view(view.id, actor=manager.actor)


def test_shared_view_is_everybodys(session, technician, manager, read_only):
    saved("Slow parts", manager.actor, shared=True)

    assert slugs(technician) == slugs(read_only) == ["slow-parts"]
    assert (views_of(manager).bar[-1], views_of(technician).bar[-1]) == ("ready", "ready")


def test_only_leaders_share_and_change_what_is_shared(session, technician, manager):
    view = saved("Slow parts", manager.actor, shared=True)
    own = saved("Own", technician.actor)
    locked = saved_views.lock_view(view.id, actor=technician.actor)

    with pytest.raises(NotAllowed):
        saved_views.save_view("All", filters.parse_filters({}), is_shared=True, actor=technician.actor)
    with pytest.raises(NotAllowed):
        saved_views.change_view(locked, actor=technician.actor, seen=1, name="Mine now", is_shared=False)
    with pytest.raises(NotAllowed):
        saved_views.delete_view(locked, actor=technician.actor)
    with pytest.raises(NotAllowed):
        saved_views.change_view(own, actor=technician.actor, seen=1, name="Own", is_shared=True)
    with pytest.raises(NotAllowed):
        saved_views.set_first_of_role("technician", "late", actor=technician.actor)
    assert (view.name, view.is_shared, session.query(SavedView).count()) == ("Slow parts", True, 2)


@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("", {}, "name"),
        ("  \x00 ", {}, "name"),
        ("x" * 41, {}, "name"),
        ("OWN", {}, "name"),
        ("Odd", {"status": "lost"}, "filters"),
        ("Odd", {"view": "gone"}, "filters"),
    ],
)
def test_view_that_cannot_be_kept_is_refused(session, technician, name, arguments, field):
    saved("Own", technician.actor)

    with pytest.raises(Invalid) as refused:
        saved_views.save_view(name, filters.parse_filters(arguments), is_shared=False, actor=technician.actor)

    assert list(refused.value.fields) == [field]
    assert session.query(SavedView).count() == 1


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Open", "open-2"), ("Überfällig!", "uberfallig"), ("日本", "view"), ("../../x?view=late&", "x-view-late")],
)
def test_slug_is_made_of_the_name_and_is_nobody_elses(session, technician, manager, name, slug):
    first, second = saved(name, technician.actor), saved(name, manager.actor)

    assert first.slug == slug
    assert second.slug != slug
    assert second.slug.startswith(slug.removesuffix("-2"))


def test_there_is_room_for_so_many(session, technician, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_OF_A_PERSON", 1)
    saved("One", technician.actor)

    with pytest.raises(Invalid, match="Delete one"):
        saved_views.save_view("Two", filters.parse_filters({}), is_shared=False, actor=technician.actor)


def test_of_two_who_rename_the_second_is_told(session, manager, owner):
    view = saved("Slow", manager.actor, shared=True)
    seen = view.version
    saved_views.change_view(
        saved_views.lock_view(view.id, actor=owner.actor), actor=owner.actor, seen=seen, name="Stuck", is_shared=True
    )
    session.commit()
    locked = saved_views.lock_view(view.id, actor=manager.actor)

    with pytest.raises(Stale) as told:
        saved_views.change_view(locked, actor=manager.actor, seen=seen, name="Waiting", is_shared=True)

    assert told.value.conflicts == {"name": ("Waiting", "Stuck", "Waiting")}
    assert (locked.name, locked.slug) == ("Stuck", "slow")


def test_same_change_twice_is_one(session, manager):
    view = saved("Slow", manager.actor, shared=True)
    for _ in range(2):
        locked = saved_views.lock_view(view.id, actor=manager.actor)
        saved_views.change_view(locked, actor=manager.actor, seen=locked.version, name="Stuck", is_shared=True)
    session.commit()

    assert [event.verb for event in session.query(Event).order_by(Event.id)] == [
        "saved_view.created",
        "saved_view.changed",
    ]


def test_deleted_view_is_gone_for_who_had_it_first(session, manager, technician):
    view = saved("Slow", manager.actor, shared=True)
    before = views_of(technician, view="slow").first
    saved_views.delete_view(saved_views.lock_view(view.id, actor=manager.actor), actor=manager.actor)
    session.commit()

    assert before == "slow"
    assert views_of(technician, view="slow").first == "open"
    assert last_event(session).verb == "saved_view.deleted"


def test_first_view_is_ones_own_then_the_roles_then_all_open(session, technician, manager, owner):
    saved_views.set_first_of_role("technician", "mine", actor=manager.actor)
    session.commit()

    assert views_of(technician).first == "mine"
    assert views_of(technician, view="late").first == "late"
    assert views_of(owner).first == "open"
    assert views_of(technician).read_filters({}).view == "mine"
    assert views_of(technician).read_filters({"status": "ready"}).view == "open"
    assert (last_event(session).verb, last_event(session).body) == ("role_view.set", '{"role":"technician"}')


@pytest.mark.parametrize(("role", "slug"), [("king", "late"), ("technician", "nowhere"), ("technician", "own")])
def test_first_view_of_a_role_is_one_that_all_of_it_may_open(session, manager, role, slug):
    saved("Own", manager.actor)

    with pytest.raises(Invalid):
        saved_views.set_first_of_role(role, slug, actor=manager.actor)

    assert session.query(RoleView).filter(RoleView.slug != "").count() == 0


def test_ones_own_order_of_tabs_holds_and_what_is_gone_falls_out(session, technician):
    saved("Own", technician.actor)

    views = views_of(technician, tabs=("own", "late", "gone"))

    assert views.bar == ("own", "late")
    assert [view.slug for view in views.all][:3] == ["own", "late", "open"]
    assert len(views.all) == len(filters.VIEWS) + 1


def test_views_cost_no_statement_while_nobody_changes_one(session, technician, manager, statements_of):
    saved("Own", technician.actor)
    session.rollback()

    def ask() -> None:
        with database.reading():
            state = memory.log_state()
            views = partial(saved_views.views_of, technician.actor, Preferences(), state=state)
            asked.append(statements_of(lambda: found.append(views())))
            session.rollback()

    asked: list[list[str]] = []
    found: list[saved_views.Views] = []
    ask()
    ask()
    saved("Other", manager.actor, shared=True)
    ask()

    assert [len(statements) for statements in asked] == [2, 0, 2]
    assert [len(views.all) - len(filters.VIEWS) for views in found] == [1, 1, 2]

"""Views of the queue: the shop's own, those that people have saved, and which of them opens first for whom."""

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound, Stale
from shop.models.permissions import Role
from shop.models.preferences import Preferences
from shop.models.saved_view import LONGEST_NAME, RoleView, SavedView
from shop.models.staff import Staff
from shop.services.events import hold, record
from shop.services.filters import NAMES, VIEWS, Filters, asks_nothing, parse_filters
from shop.services.memory import LogState, log_state, recall
from shop.services.statements import insert_if_absent

MOST_OF_A_PERSON = 50
MOST_SHARED = 50
_PLAIN = "open"
# In the bar of who has not ordered it, with their own ones; the others are one press further on.
_IN_THE_BAR = ("open", "late", "today", "mine", "unassigned", "approve", "parts", "ready")


@dataclass(frozen=True, slots=True)
class View:
    """One that a person may open. The shop's own have no id, and no name but in the language of who looks."""

    slug: str
    id: int = 0
    name: str = ""
    owner_id: int = 0
    owner: str = ""
    is_shared: bool = True
    arguments: tuple[tuple[str, str], ...] = ()
    version: int = 0

    @property
    def filters(self) -> Filters:
        return _filters_of(self.slug, self.arguments if self.id else None)


# The same few at every look at a list.
@lru_cache(maxsize=1024)
def _filters_of(slug: str, arguments: tuple[tuple[str, str], ...] | None) -> Filters:
    return parse_filters({"view": slug}, views=None if arguments is None else {slug: arguments})


@dataclass(frozen=True, slots=True)
class Views:
    """All that one person may open, in their order. `bar` are the slugs of those that stand as tabs."""

    all: tuple[View, ...]
    bar: tuple[str, ...]
    first: str

    def find(self, slug: str) -> View | None:
        return next((view for view in self.all if view.slug == slug), None)

    def read_filters(self, arguments) -> Filters:
        """Filters from query arguments; the plain address of the queue means the person's first view."""
        if asks_nothing(arguments):
            arguments = {"view": self.first}
        return parse_filters(arguments, views={view.slug: view.arguments for view in self.all if view.id})


def views_of(actor: Actor, preferences: Preferences, *, state: LogState | None = None) -> Views:
    """What this person may open. Costs no statement while nobody changes a view, if `state` has been read."""
    state = state or log_state()
    saved, firsts = recall(state.of_views(), "saved_views", _read)
    mine = [view for view in saved if view.is_shared or view.owner_id == actor.id]
    known = {view.slug: view for view in (*map(View, VIEWS), *mine)}
    own = tuple(slug for slug in preferences.tabs if slug in known)
    bar = own or (*_IN_THE_BAR, *[view.slug for view in mine if not view.is_shared])
    order = list(dict.fromkeys((*bar, *known)))
    wanted = (preferences.view, dict(firsts).get(actor.role or "", ""), _PLAIN)
    return Views(tuple(known[slug] for slug in order), tuple(bar), next(slug for slug in wanted if slug in known))


def read_filters(
    arguments, *, actor: Actor, preferences: Preferences | None = None, state: LogState | None = None
) -> Filters:
    """Filters from query arguments, saved views of this person included. For whoever has nothing but the arguments."""
    return views_of(actor, preferences or Preferences(), state=state).read_filters(arguments)


def firsts_of_roles(*, state: LogState | None = None) -> dict[str, str]:
    """Role -> the slug that opens first for it, where one was set."""
    return dict(recall((state or log_state()).of_views(), "saved_views", _read)[1])


def save_view(name: str, filters: Filters, *, is_shared: bool, actor: Actor) -> SavedView:
    """Keeps filters under a name. Raises Invalid for a name or filters that cannot be kept, NotAllowed."""
    actor.require("view.share" if is_shared else "view.save")
    owner_id = actor.id or 0
    values = {
        "name": _clean_name(name, owner_id=owner_id, is_shared=is_shared),
        "arguments": _kept(filters),
        "owner_id": owner_id, "is_shared": is_shared, "created_at": utc_now(), "version": 0,
    }  # fmt: skip
    _check_room(owner_id, is_shared=is_shared)
    view = _insert(values)
    detail = {"name": view.name, "filters": json.loads(view.arguments)}
    record("saved_view.created", view, actor=actor, body={"shared": is_shared}, detail=detail)
    return view


def is_here(view_id: int, *, actor: Actor) -> bool:
    """Whether there is such a view that this person may open."""
    view = db.session.get(SavedView, view_id)
    return view is not None and (view.is_shared or view.owner_id == actor.id)


def get_view(view_id: int, *, actor: Actor) -> SavedView:
    """The view as it is. Raises NotFound, also for what is private to another."""
    view = db.session.get(SavedView, view_id)
    if view is None or not (view.is_shared or view.owner_id == actor.id):
        raise NotFound("This view is not here any more.")
    return view


def lock_view(view_id: int, *, actor: Actor) -> SavedView:
    """The view, its row locked. Raises NotFound, also for what is private to another."""
    view = db.session.scalar(
        select(SavedView)
        .where(SavedView.id == view_id)
        .with_for_update(of=SavedView)
        .execution_options(populate_existing=True)
    )
    if view is None or not (view.is_shared or view.owner_id == actor.id):
        raise NotFound("This view is not here any more.")
    hold(view)
    return view


def change_view(
    view: SavedView, *, actor: Actor, seen: int, name: str, is_shared: bool, filters: Filters | None = None
) -> None:
    """Renames a locked view, shares it or takes it back, and with `filters` gives it other ones.

    `seen` is the version that the person had on screen: if somebody has changed it since, raises Stale with what it
    is now. What is the same already is no change. Raises Invalid and NotAllowed.
    """
    _require(view, actor)
    actor.require("view.share" if is_shared else "view.save")
    wanted = _kept(filters) if filters else view.arguments
    if seen != view.version:
        raise Stale({"name": (name, view.name, name)})
    name = _clean_name(name, owner_id=view.owner_id, is_shared=is_shared, but=view.id)
    after = {"name": name, "is_shared": is_shared, "arguments": wanted}
    changed = {field: [getattr(view, field), value] for field, value in after.items() if getattr(view, field) != value}
    if not changed:
        return
    if "is_shared" in changed:
        _check_room(view.owner_id, is_shared=is_shared)
    for field, value in after.items():
        setattr(view, field, value)
    record("saved_view.changed", view, actor=actor, body={"fields": sorted(changed)}, detail=changed)


def delete_view(view: SavedView, *, actor: Actor) -> None:
    """Deletes a locked view. Whoever has it as their first one gets their role's; open lists say that it is gone."""
    _require(view, actor)
    record("saved_view.deleted", view, actor=actor, body={"shared": view.is_shared}, detail={"name": view.name})
    db.session.delete(view)


def set_first_of_role(role: str, slug: str, *, actor: Actor) -> None:
    """Sets which view opens first for a role. A second call changes nothing. Raises Invalid, NotAllowed."""
    actor.require("view.share")
    if role not in list(Role):
        raise Invalid({"role": "There is no such role."})
    shared = select(SavedView.id).where(SavedView.slug == slug, SavedView.is_shared)
    if slug not in VIEWS and db.session.scalar(shared) is None:
        raise Invalid({"slug": "Choose a view that everybody may open: share it first."})
    db.session.execute(insert_if_absent(RoleView, unique=["role"], values={"role": role, "slug": "", "version": 0}))
    row = db.session.scalars(
        select(RoleView).where(RoleView.role == role).with_for_update().execution_options(populate_existing=True)
    ).one()
    hold(row)
    if row.slug == slug:
        return
    before, row.slug = row.slug, slug
    record("role_view.set", row, actor=actor, body={"role": role}, detail={"view": [before, slug]})


def may_change(view: View | SavedView, actor: Actor) -> bool:
    """The owner, and whoever may share, where the view is shared."""
    if view.is_shared:
        return actor.may("view.share")
    return view.owner_id == actor.id


def _require(view: SavedView, actor: Actor) -> None:
    if not may_change(view, actor):
        actor.require("view.share")


def _read() -> tuple[tuple[View, ...], tuple[tuple[str, str], ...]]:
    """Everybody's views, the shared ones first, and the roles' first ones."""
    rows = db.session.execute(
        select(SavedView, Staff.name)
        .join(Staff, Staff.id == SavedView.owner_id)
        .order_by(SavedView.is_shared.desc(), SavedView.name, SavedView.id)
    ).all()
    views = tuple(
        View(row.slug, row.id, row.name, row.owner_id, owner, row.is_shared, _pairs(row.arguments), row.version)
        for row, owner in rows
    )
    return views, tuple((row.role, row.slug) for row in db.session.scalars(select(RoleView)))


def _pairs(arguments: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(arguments).items())


def _clean_name(name: str, *, owner_id: int, is_shared: bool, but: int = 0) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise Invalid({"name": "Give the view a name."})
    if len(name) > LONGEST_NAME:
        raise Invalid({"name": f"Keep the name under {LONGEST_NAME} characters; it has {len(name)}."})
    same = select(SavedView.id).where(
        func.lower(SavedView.name) == name.lower(), SavedView.id != but, _beside(owner_id, is_shared=is_shared)
    )
    if db.session.scalar(same) is not None:
        raise Invalid({"name": "There is a view with this name already. Choose another name."})
    return name


def _beside(owner_id: int, *, is_shared: bool):
    """Those that stand in one list with it: the shared ones, or the person's own."""
    return SavedView.is_shared if is_shared else (SavedView.owner_id == owner_id) & SavedView.is_shared.is_(False)


def _kept(filters: Filters) -> str:
    """As JSON: the part of the shop and the filters in full, so that no view hangs on another."""
    if filters.faults:
        raise Invalid({"filters": "These filters cannot be kept: one of them does not exist."})
    values = {"view": filters.view, **{name: getattr(filters, name) for name in NAMES}}
    return json.dumps({name: value for name, value in values.items() if value})


def _check_room(owner_id: int, *, is_shared: bool) -> None:
    kept = select(func.count()).select_from(SavedView).where(_beside(owner_id, is_shared=is_shared))
    most = MOST_SHARED if is_shared else MOST_OF_A_PERSON
    if db.session.scalars(kept).one() >= most:
        raise Invalid({"name": f"There are {most} views already. Delete one that nobody needs first."})


def _insert(values: dict) -> SavedView:
    """The new row, under the first slug of its name that is free, whoever else saves at this moment."""
    base = _slug(values["name"])
    for number in count(1):
        slug = base if number == 1 else f"{base}-{number}"
        statement = insert_if_absent(SavedView, unique=["slug"], values={**values, "slug": slug})
        if slug not in VIEWS and (key := db.session.scalar(statement.returning(SavedView.id))):
            break
    view = db.session.get_one(SavedView, key)
    hold(view)
    return view


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME] or "view"

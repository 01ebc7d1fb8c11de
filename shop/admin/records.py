"""Reference data: Flask-Admin's ModelView behind our door and in our design.

What a subclass does not name in `permissions` stays shut: Flask-Admin's own delete, bulk action, export and
look-ups among them.
"""

from flask import g, has_request_context, request
from flask_admin.contrib.sqla import ModelView
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.console import Guarded
from shop.admin.forms import show_faults
from shop.extensions import db
from shop.models.errors import Invalid, NotFound, Stale

LAST_PAGE = 10_000


class RecordsView(Guarded, ModelView):
    permissions: dict[str, str] = {}
    can_delete = can_export = False
    can_set_page_size = create_modal = edit_modal = False
    column_display_actions = False
    named_filter_urls = True
    simple_list_pager = True
    page_size = 50

    @classmethod
    def permission_for(cls, method: str) -> str | None:
        return cls.permissions.get(method) or super().permission_for(method)

    @property
    def can_create(self) -> bool:
        return self._may("create_view")

    @property
    def can_edit(self) -> bool:
        return self._may("edit_view")

    @property
    def can_view_details(self) -> bool:
        return self._may("details_view")

    def is_action_allowed(self, name: str) -> bool:
        return False

    def get_one(self, id):
        """Raises NotFound, also for what is no id at all."""
        row = super().get_one(id) if str(id).isdecimal() and str(id).isascii() and len(str(id)) < 10 else None
        if row is None:
            raise NotFound(_("This is not here any more."))
        return row

    def create_model(self, form):
        return self._store(form, lambda: self.add(form))

    def update_model(self, form, model):
        return self._store(form, lambda: self.change(model, form))

    def base_values(self, model) -> dict[str, str]:
        """What the person sees before typing, by field: it comes back with the form, so that no one is overwritten."""
        return {}

    def sent_base(self) -> dict[str, str]:
        return {name.removeprefix("base."): value for name, value in request.form.items() if name.startswith("base.")}

    def add(self, form):
        """The use case that stores a new row; may raise Invalid."""
        raise NotImplementedError

    def change(self, model, form):
        """The use case that changes a row; may raise Invalid."""
        raise NotImplementedError

    def filter_url(self, index: int, value: str | None = None) -> str:
        """The first page of this list with one filter set, or taken off."""
        name = self.get_filter_arg(index, self._filters[index])
        kept = {key: text for key, text in request.args.items() if key != "page" and not key.endswith(f"_{name}")}
        return self.get_url(".index_view", **kept, **({f"flt{index}_{name}": value} if value else {}))

    def _store(self, form, use_case):
        try:
            row = use_case()
        except Invalid as error:
            show_faults(form, error)
            return False
        except Stale as error:
            db.session.rollback()
            g.clashes = error.conflicts
            return False
        db.session.commit()
        return row

    def _run_view(self, function, *args, **kwargs):
        answer = super()._run_view(function, *args, **kwargs)
        is_refused_form = request.method == "POST" and isinstance(answer, str)
        return (answer, 409 if "clashes" in g else 422) if is_refused_form else answer

    def _get_list_extra_args(self):
        args = super()._get_list_extra_args()
        args.page = min(max(args.page, 0), LAST_PAGE)
        args.search = (args.search or "")[:100].replace("\0", "").strip() or None
        return args

    def _get_list_filter_args(self):
        return [found for found in super()._get_list_filter_args() or () if found[2].strip("\0 ")]

    @classmethod
    def _may(cls, method: str) -> bool:
        # Flask-Admin asks while it is set up too, with nobody there, to learn what the view can ever do.
        permission = cls.permission_for(method)
        return permission is not None and (not has_request_context() or current_user.may(permission))

"""The catalogue: devices listed, edited, retired, taken out and brought in as CSV."""

from flask import Response, current_app, flash, has_request_context, redirect, request, url_for
from flask_admin import Admin, expose
from flask_admin.contrib.sqla.filters import BaseSQLAFilter, FilterEqual
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from itsdangerous import BadData, URLSafeTimedSerializer
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from shop.admin.access import requires
from shop.admin.console import show
from shop.admin.forms import show_faults
from shop.admin.records import RecordsView
from shop.extensions import db
from shop.models.catalogue import DeviceCategory, DeviceModel
from shop.models.device_tiers import TIERS
from shop.models.errors import Invalid
from shop.services import catalogue, catalogue_edits

VIEW, EDIT = "catalogue.view", "catalogue.edit"
MOST_BYTES = 900_000
TRY_LIVES_SECONDS = 3600
_CATEGORIES = [(kind.value, kind.value.capitalize()) for kind in DeviceCategory]
_STATES = [("offer", _l("On offer")), ("retired", _l("Retired"))]
_CATEGORY_CHOICES = [SelectChoice(*choice) for choice in _CATEGORIES]
_TIER_CHOICES = [
    SelectChoice("", _l("From the name")),
    *(SelectChoice(tier) for tiers in TIERS.values() for tier in tiers),
]


class DeviceForm(FlaskForm):
    category = SelectField(_l("Category"), choices=_CATEGORY_CHOICES)
    brand = StringField(_l("Brand"), [InputRequired(_l("Type the brand.")), Length(max=60)])
    model = StringField(_l("Model"), [InputRequired(_l("Type the model's name.")), Length(max=160)])
    family = StringField(_l("Family"), [Length(max=80)], description=_l("Such as Galaxy S. It groups the list."))
    model_numbers = StringField(
        _l("Model numbers"), [Length(max=2000)], description=_l("Parted by semicolons: A2650; A2889.")
    )
    release_year = IntegerField(_l("Year"), [Optional(), NumberRange(1970, 2100)])
    tier = SelectField(_l("Tier"), choices=_TIER_CHOICES, description=_l("Decides the base price."))
    popularity = IntegerField(
        _l("Popularity"), [Optional(), NumberRange(0, 999_999)], description=_l("Higher stands higher in lists.")
    )
    specs_json = TextAreaField(
        _l("Particulars"), [Length(max=4000)], description=_l('A JSON object, such as {"screen_in": 6.1}.')
    )
    source = StringField(_l("Source"), [Length(max=2000)], description=_l("Where these facts are from."))

    @property
    def cells(self) -> dict[str, str]:
        """As the row of a file."""
        values = {name: value for name, value in self.data.items() if name != "csrf_token"}
        return {name: "" if value is None else str(value) for name, value in values.items()}


class ImportForm(FlaskForm):
    file = FileField(_l("CSV file"), [FileRequired(_l("Choose a file."))])


def _brands() -> list[tuple[str, str]]:
    # Flask-Admin also asks once while it is set up, when there is no database yet.
    return [(name, name) for name in catalogue.list_brands()] if has_request_context() else []


class _IsOnOffer(BaseSQLAFilter):
    def apply(self, query, value, alias=None):
        return query.filter(
            DeviceModel.retired_at.is_(None) if value == "offer" else DeviceModel.retired_at.is_not(None)
        )

    def operation(self):
        return _l("is")


class DevicesView(RecordsView):
    permissions = {"index_view": VIEW, "details_view": VIEW, "create_view": EDIT, "edit_view": EDIT}
    form = DeviceForm
    list_template = "admin/devices/list.html"
    details_template = "admin/devices/details.html"
    create_template = edit_template = "admin/devices/form.html"
    column_list = ("name", "brand", "family", "model_numbers", "release_year", "category", "tier", "retired_at")
    column_labels = {
        "name": _l("Model"),
        "model_numbers": _l("Model numbers"),
        "release_year": _l("Year"),
        "retired_at": _l("State"),
    }
    column_formatters = {
        "model_numbers": lambda _view, _context, device, _name: _numbers(device),
        "release_year": lambda _view, _context, device, _name: device.release_year or _("unknown"),
        "category": lambda _view, _context, device, _name: device.category.capitalize(),
        "retired_at": lambda _view, _context, device, _name: _("Retired") if device.is_retired else _("On offer"),
    }
    column_sortable_list = ("name", "brand", "family", "release_year", "category", "tier")
    column_default_sort = [("popularity", True), ("name", False)]
    column_searchable_list = ("search_text",)
    column_filters = (
        FilterEqual(DeviceModel.category, _l("Category"), options=_CATEGORIES),
        FilterEqual(DeviceModel.brand, _l("Brand"), options=_brands),
        _IsOnOffer(DeviceModel.retired_at, _l("State"), options=_STATES),
    )  # fmt: skip

    def search_placeholder(self) -> str:
        return _("Model, number or family")

    def get_list(self, page, sort_column, sort_desc, search, filters, execute=True, page_size=None):
        """A search is forgiving and best first; it is not sorted or paged again."""
        if not search:
            return super().get_list(page, sort_column, sort_desc, None, filters, execute, page_size)
        places = {key: place for place, key in enumerate(catalogue_edits.search_ids(search))}
        query = self.get_query().filter(DeviceModel.id.in_(places))
        for index, _name, value in filters or ():
            query = self._filters[index].apply(query, value)
        found = sorted(query.all(), key=lambda device: places[device.id])
        start = (page or 0) * self.page_size
        return None, found[start : start + self.page_size]

    def edit_form(self, obj=None):
        return DeviceForm(data=catalogue_edits.cells_of(obj))

    def add(self, form):
        return catalogue_edits.add_device(form.cells, actor=current_user.actor)

    def change(self, model, form):
        return catalogue_edits.change_device(model.id, form.cells, base=self.sent_base(), actor=current_user.actor)

    def base_values(self, model):
        return {name: text for name, text in catalogue_edits.cells_of(model).items() if name in DeviceForm.__dict__}

    def get_save_return_url(self, model, is_created=False):
        return url_for(".details_view", id=model.id)

    @expose("/<row_id:device_id>/retire", methods=["POST"])
    @requires(EDIT)
    def retire(self, device_id: int):
        device = catalogue_edits.retire_device(device_id, actor=current_user.actor)
        return _done(device, _("Retired. Old repairs keep it; no search finds it."))

    @expose("/<row_id:device_id>/restore", methods=["POST"])
    @requires(EDIT)
    def restore(self, device_id: int):
        device = catalogue_edits.restore_device(device_id, actor=current_user.actor)
        return _done(device, _("On offer again."))

    @expose("/export")
    @requires(VIEW)
    def export_csv(self):
        headers = {"Content-Disposition": "attachment; filename=devices.csv"}
        return Response(catalogue.export_devices(), mimetype="text/csv", headers=headers)

    @expose("/import", methods=["GET", "POST"])
    @requires(EDIT)
    def import_csv(self):
        """Tries a file and reports; writes nothing."""
        form = ImportForm()
        if not form.validate_on_submit():
            return _import_page(form, status=422 if form.errors else 200)
        try:
            text = _text(form.file.data)
            report = catalogue_edits.import_file(text, actor=current_user.actor, dry_run=True)
        except Invalid as error:
            show_faults(form, error)
            return _import_page(form, status=422)
        return _import_page(form, report=report, tried=_tries().dumps(text), status=422 if report.bad else 200)

    @expose("/import/tried", methods=["POST"])
    @requires(EDIT)
    def import_tried(self):
        """Brings in the file that was just tried, and only if every line is still good."""
        try:
            text = _tries().loads(request.form.get("tried", ""), max_age=TRY_LIVES_SECONDS)
        except BadData:
            flash(_("This try is too old. Choose the file again."), "error")
            return redirect(url_for("devices.import_csv"), 303)
        report = catalogue_edits.import_file(text, actor=current_user.actor, dry_run=False)
        if not report.is_applied:
            db.session.rollback()
            return _import_page(ImportForm(formdata=None), report=report, status=422)
        db.session.commit()
        flash(_("%(added)d devices added, %(updated)d changed.", added=report.added, updated=report.updated), "success")
        return redirect(url_for("devices.index_view"), 303)


def init_app(admin: Admin) -> None:
    admin.add_view(DevicesView(DeviceModel, db, name="Catalogue", endpoint="devices", url="/admin/devices"))


def _numbers(device: DeviceModel) -> str:
    first, rest = device.model_number_list[:2], device.model_number_list[2:]
    return ", ".join(first) + (_(" and %(n)d more", n=len(rest)) if rest else "") if first else _("none")


def _done(device: DeviceModel, message: str):
    db.session.commit()
    flash(message, "success")
    return redirect(url_for("devices.details_view", id=device.id), 303)


def _import_page(form: ImportForm, *, report=None, tried: str = "", status: int = 200):
    return show("admin/devices/import.html", form=form, report=report, tried=tried, status=status)


def _tries() -> URLSafeTimedSerializer:
    """Carries a tried file, compressed and signed, from its report to the button that brings it in."""
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="tried-import")


def _text(upload) -> str:
    """Raises Invalid for what is too large or not text."""
    data = upload.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Invalid({"file": _("The file is larger than %(kb)d kB. Split it.", kb=MOST_BYTES // 1000)})
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid({"file": _("The file is not UTF-8 text. Save it as “CSV UTF-8”.")}) from None
    if "\0" in text:
        raise Invalid({"file": _("This is not a text file.")})
    return text

"""The staff: who works here, with which rights, signed in where."""

from functools import partial

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from shop.admin.access import requires
from shop.admin.browsers import browser_words
from shop.admin.console import ROLE_LABELS, ConsoleView, show
from shop.admin.forms import show_faults, typed_line
from shop.extensions import db
from shop.models.errors import Invalid, Stale
from shop.models.permissions import PERMISSIONS, Role
from shop.services import staff as staff_service
from shop.services import staff_admin

_ROLES = [SelectChoice(role.value, label) for role, label in ROLE_LABELS.items()]


_RIGHTS = {
    "console.enter": _l("enter the console"),
    "repair.view": _l("see repairs"),
    "repair.move": _l("move repairs"),
    "repair.assign": _l("give out repairs"),
    "repair.edit": _l("edit repairs"),
    "repair.note": _l("write notes"),
    "repair.cancel": _l("cancel repairs"),
    "repair.check_in": _l("check devices in"),
    "booking.move": _l("move appointments"),
    "calendar.view": _l("see the calendar"),
    "calendar.plan": _l("plan hours, closures and places"),
    "repair.diagnose": _l("diagnose"),
    "repair.take": _l("take the next repair"),
    "customer.view": _l("see customers"),
    "catalogue.view": _l("see the catalogue"),
    "catalogue.edit": _l("edit the catalogue"),
    "pricing.view": _l("see price rules"),
    "outbox.view": _l("read the outbox"),
    "outbox.resend": _l("send again"),
    "payment.view": _l("see payments"),
    "payment.take": _l("take money"),
    "payment.refund": _l("give money back"),
    "ledger.view": _l("see the books"),
    "drawer.use": _l("open and use a cash drawer"),
    "drawer.close": _l("count a cash drawer and close it"),
    "audit.view": _l("read the audit log"),
    "health.view": _l("see health"),
    "load.view": _l("see who has how much work"),
    "load.productivity": _l("see what each person finished"),
    "roster.own": _l("see their own hours"),
    "roster.manage": _l("set hours, absences and skills"),
    "staff.view": _l("see the staff"),
    "staff.manage": _l("manage the staff"),
    "provider.keys": _l("set the keys of payment providers"),
    "account.self": _l("look after their own account"),
    "style.view": _l("see the style guide"),
}


class NewPersonForm(FlaskForm):
    name = StringField(
        _l("Name"), [DataRequired(_l("Type the name that colleagues use.")), Length(max=120)], filters=[typed_line]
    )
    email = EmailField(
        _l("E-mail"), [InputRequired(_l("Type an e-mail address.")), Length(max=254)], filters=[typed_line]
    )
    role = SelectField(_l("Role"), choices=_ROLES, default=Role.TECHNICIAN.value)
    password = PasswordField(
        _l("First password"),
        [InputRequired(_l("Type a first password.")), Length(max=256)],
        description=_l("10 characters or more. Hand it over in person; it can be changed under Account."),
    )


class RoleForm(FlaskForm):
    role = SelectField(_l("Role"), choices=_ROLES)


class StaffView(ConsoleView):
    @expose("/")
    @requires("staff.view")
    def index(self):
        return show("admin/staff/list.html", people=staff_admin.list_staff(), role_labels=ROLE_LABELS)

    @expose("/new", methods=["GET", "POST"])
    @requires("staff.manage", sudo=True)
    def new(self):
        form = NewPersonForm()
        if not form.validate_on_submit():
            return show("admin/staff/new.html", form=form, status=422 if form.errors else 200)
        try:
            person = staff_service.create_staff(
                email=form.email.data, password=form.password.data, role=form.role.data, name=form.name.data,
                actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            show_faults(form, error)
            return show("admin/staff/new.html", form=form, status=422)
        return _done(person.id, _("%(name)s can sign in now.", name=person.name))

    @expose("/<row_id:staff_id>")
    @requires("staff.view")
    def person(self, staff_id: int):
        return _page(staff_id)

    @expose("/<row_id:staff_id>/role", methods=["POST"])
    @requires("staff.manage", sudo=True)
    def role(self, staff_id: int):
        form = RoleForm()
        if not form.validate_on_submit():
            return _page(staff_id, form=form, status=422)
        change_role = partial(staff_admin.change_role, seen=request.form.get("base.role"))
        return _change(staff_id, change_role, _("Role changed."), form.role.data)

    @expose("/<row_id:staff_id>/disable", methods=["POST"])
    @requires("staff.manage", sudo=True)
    def disable(self, staff_id: int):
        return _change(staff_id, staff_admin.disable, _("Disabled and signed out everywhere."))

    @expose("/<row_id:staff_id>/enable", methods=["POST"])
    @requires("staff.manage", sudo=True)
    def enable(self, staff_id: int):
        return _change(staff_id, staff_admin.enable, _("Enabled. The old password works again."))

    @expose("/<row_id:staff_id>/unlock", methods=["POST"])
    @requires("staff.manage", sudo=True)
    def unlock(self, staff_id: int):
        return _change(staff_id, staff_admin.unlock, _("Unlocked."))

    @expose("/<row_id:staff_id>/end-sign-ins", methods=["POST"])
    @requires("staff.manage", sudo=True)
    def end_sign_ins(self, staff_id: int):
        return _change(staff_id, staff_admin.end_sign_ins_of, _("Signed out everywhere."))


def init_app(admin: Admin) -> None:
    admin.add_view(StaffView("Staff", path="staff"))


def _change(staff_id: int, act, message: str, *values):
    """One act of the service on a person; what it refuses is said on the person's page."""
    try:
        act(staff_id, *values, actor=current_user.actor)
    except (Invalid, Stale) as error:
        db.session.rollback()
        return _page(staff_id, fault=error.message, status=409 if isinstance(error, Stale) else 422)
    return _done(staff_id, message)


def _page(staff_id: int, *, form: RoleForm | None = None, fault: str = "", status: int = 200):
    person = staff_admin.get_staff_row(staff_id)
    return show(
        "admin/staff/person.html",
        status=status,
        person=person,
        form=form or RoleForm(formdata=None, role=person.role.value),
        fault=fault,
        sign_ins=staff_admin.sign_ins_of(staff_id),
        browser_words=browser_words,
        role_labels=ROLE_LABELS,
        rights=[_RIGHTS.get(name, name) for name, roles in PERMISSIONS.items() if person.role in roles],
    )


def _done(staff_id: int, message: str):
    db.session.commit()
    flash(message, "success")
    return redirect(url_for("staff.person", staff_id=staff_id), 303)

"""What a skill is about, in words."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from shop.models.catalogue import DeviceCategory

DEVICES = {
    DeviceCategory.SMARTPHONE: _l("phones"),
    DeviceCategory.TABLET: _l("tablets"),
    DeviceCategory.LAPTOP: _l("laptops"),
    DeviceCategory.DESKTOP: _l("desktops"),
    DeviceCategory.CONSOLE: _l("consoles"),
    DeviceCategory.WEARABLE: _l("watches"),
}


def words_of(subject: str, names: dict[str, str] | None = None) -> str:
    """phones, Main board, Apple: `names` are the shop's own words for subjects, see `skills.list_subjects`."""
    kind, _colon, name = subject.partition(":")
    if kind == "device":
        return str(DEVICES[DeviceCategory(name)]) if name in list(DeviceCategory) else name
    known = (names or {}).get(subject)
    if known:
        return known if kind == "brand" else _(known)
    return name.replace("-", " ")

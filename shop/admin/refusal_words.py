"""Why a webhook was refused, and what to do about it."""

from flask_babel import lazy_gettext as _l

from shop.models.refused_webhook import Refusal

REFUSAL_WORDS = {
    Refusal.NOT_SET_UP: _l("This provider is not set up"),
    Refusal.UNSIGNED: _l("It has no signature that can be read"),
    Refusal.FORGED: _l("The signature is wrong"),
    Refusal.STALE: _l("The signature is too old, or from the future"),
    Refusal.CERTIFICATE: _l("The certificate is not one of PayPal’s that holds"),
    Refusal.UNREADABLE: _l("It is signed, and no event that can be read"),
    Refusal.OTHER_MODE: _l("It is of the other mode: test and live do not mix"),
}
ADVICE = {
    Refusal.NOT_SET_UP: _l("Delete the webhook at the provider, or set the provider’s keys here."),
    Refusal.UNSIGNED: _l("The provider signs all that it sends: this came from somebody else. Nothing is to be done."),
    Refusal.FORGED: _l(
        "If messages are missing, compare the signing secret (Stripe) or the webhook’s id (PayPal) with the settings, "
        "and let no proxy rewrite bodies. Else somebody tried: nothing is to be done."
    ),
    Refusal.STALE: _l("Set this server’s clock. If it is right, an old message was sent again: nothing is to be done."),
    Refusal.CERTIFICATE: _l("If many come, set this server’s clock and compare PayPal’s address in the settings."),
    Refusal.UNREADABLE: _l("Compare the API version of the webhook at the provider with the guide to payments."),
    Refusal.OTHER_MODE: _l(
        "At the provider, let test events go to the test shop only. If this shop should take real money, turn real "
        "payments on."
    ),
}

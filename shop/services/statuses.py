"""What a customer is told about each state of a repair: one table for the tracking page and the mails."""

from dataclasses import dataclass

from shop.models.price_engine import N_
from shop.models.workflow import State


@dataclass(frozen=True, slots=True)
class CustomerStatus:
    """`word` names the step, `headline` and `next` are the page and the mail. `mail` is the subject of the
    mail, empty where `subscriptions.TOLD_BY_MAIL` sends none."""

    word: str
    headline: str
    next: str
    icon: str
    mail: str = ""


# fmt: off
STATUSES: dict[State, CustomerStatus] = {
    State.EXPECTED: CustomerStatus(
        N_("Booked"), N_("Your %(device)s is booked in."), N_("We begin when it is with us."), "calendar-days"),
    State.RECEIVED: CustomerStatus(
        N_("Received"), N_("Your %(device)s is with us."), N_("We look at it next."), "inbox"),
    State.DIAGNOSING: CustomerStatus(
        N_("Diagnosis"), N_("We are looking at your %(device)s."), N_("Then you hear what we found."), "stethoscope"),
    State.AWAITING_APPROVAL: CustomerStatus(
        N_("Your approval"), N_("Your %(device)s waits for your yes."),
        N_("Read what we found and tell us whether to go on. Nothing is done without your yes."),
        "message-circle-question-mark", mail=N_("%(number)s: we need your yes")),
    State.AWAITING_PARTS: CustomerStatus(
        N_("Parts"), N_("We wait for a part for your %(device)s."), N_("We go on the day it arrives."),
        "package", mail=N_("%(number)s: the part is ordered")),
    State.IN_REPAIR: CustomerStatus(
        N_("In repair"), N_("Your %(device)s is being repaired."),
        N_("Every function is tested after that."), "wrench"),
    State.QUALITY_CHECK: CustomerStatus(
        N_("Quality check"), N_("Your %(device)s is being tested."),
        N_("You hear from us when it is ready."), "clipboard-check"),
    State.READY: CustomerStatus(
        N_("Ready"), N_("Your %(device)s is ready."), N_("Try it before you pay."),
        "circle-check", mail=N_("%(number)s: ready for you")),
    State.COLLECTED: CustomerStatus(
        N_("Collected"), N_("Your %(device)s is back with you."),
        N_("Thank you. The warranty starts today: if the fault comes back, so do you, free of charge."),
        "package-check", mail=N_("%(number)s: thank you, and your warranty")),
    State.SHIPPED: CustomerStatus(
        N_("Sent back"), N_("Your %(device)s is on its way to you."), N_("The warranty starts when it arrives."),
        "truck", mail=N_("%(number)s: on its way to you")),
    State.CANCELLED: CustomerStatus(
        N_("Cancelled"), N_("The repair of your %(device)s is cancelled."),
        N_("You owe nothing for work that was not done."),
        "circle-x", mail=N_("%(number)s: cancelled")),
    State.UNREPAIRABLE: CustomerStatus(
        N_("Not repairable"), N_("We could not save your %(device)s."),
        N_("You pay nothing. Collect it when it suits you."),
        "ban", mail=N_("%(number)s: we could not repair it")),
    State.WARRANTY_RETURN: CustomerStatus(
        N_("Warranty"), N_("Your %(device)s is back on our bench."),
        N_("The warranty covers it; you pay nothing for the same fault."), "rotate-ccw"),
}
# fmt: on

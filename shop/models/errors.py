"""What can go wrong in the shop, in the shop's words. Blueprints give each its form."""


class ShopError(Exception):
    """Base of every error that a person is told about. `message` is safe to show."""

    code = "error"

    def __init__(self, message: str = ""):
        super().__init__(message)
        self.message = message


class NotFound(ShopError):
    """The thing does not exist, or is not this person's to see."""

    code = "not_found"


class Deleted(NotFound):
    """The ticket was deleted by a person. `number` is what it was called."""

    def __init__(self, message: str, *, number: str):
        super().__init__(message)
        self.number, self.into = number, ""


class Merged(ShopError):
    """The ticket was merged into another one, `into`, where its work goes on. Nothing can be done with it here."""

    code = "merged"

    def __init__(self, message: str, *, number: str, into: str):
        super().__init__(message)
        self.number, self.into = number, into


class NotAllowed(ShopError):
    """The person may see it but not do this."""

    code = "not_allowed"


class Invalid(ShopError):
    """Input that cannot be used. `fields` maps a field name to what to do about it."""

    code = "invalid"

    def __init__(self, fields: dict[str, str], message: str = ""):
        super().__init__(message or "; ".join(fields.values()))
        self.fields = fields


class Stale(ShopError):
    """Somebody else changed the same field first. `conflicts` maps a field to (base, theirs, yours)."""

    code = "stale"

    def __init__(self, conflicts: dict[str, tuple], message: str = "", merged: dict | None = None):
        super().__init__(message)
        self.conflicts = conflicts
        self.merged = merged or {}


class SlotFull(ShopError):
    """The last place in the slot went to someone else."""

    code = "slot_full"


class IdempotencyMismatch(ShopError):
    """The key was used before with another body."""

    code = "idempotency_mismatch"


class CannotUndo(ShopError):
    """It is too late, or what was done has been changed since. Nothing was changed."""

    code = "cannot_undo"


class ProviderDown(ShopError):
    """A provider did not answer, or not with sense: whether it acted is unknown. Ask again under the same key."""

    code = "provider_down"


class ProviderRefused(ShopError):
    """A provider understood the request and will not do it. `reason` is its own code, for the staff and the log."""

    code = "provider_refused"

    def __init__(self, message: str = "", *, reason: str = ""):
        super().__init__(message)
        self.reason = reason


class ProviderForgot(ProviderRefused):
    """A provider does not know this attempt, or not any more: it ended there unpaid, or is under other keys."""


class Declined(ShopError):
    """The customer's bank or wallet said no. `reason` is the provider's code; another way to pay may work."""

    code = "payment_declined"

    def __init__(self, message: str = "", *, reason: str = ""):
        super().__init__(message)
        self.reason = reason


class WebhookRefused(ShopError):
    """A message that a provider did not sign, or not now: it changes nothing. `reason` is one of Refusal's."""

    code = "webhook_refused"

    def __init__(self, message: str = "", *, reason: str = ""):
        super().__init__(message)
        self.reason = reason

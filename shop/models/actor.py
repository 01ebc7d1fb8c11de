"""Whoever does something: a person of the staff, a customer, or the system itself."""

from dataclasses import dataclass

from shop.models.errors import NotAllowed
from shop.models.permissions import Role, may


@dataclass(frozen=True, slots=True)
class Actor:
    kind: str
    id: int | None
    name: str
    role: Role | None = None

    @property
    def reference(self) -> str:
        """How the sealed log names the actor: never by a personal name."""
        return f"{self.kind}:{self.id}" if self.id else self.kind

    def may(self, permission: str) -> bool:
        return may(self.role, permission)

    def require(self, permission: str) -> None:
        """Raises NotAllowed when the role does not hold the permission."""
        if not self.may(permission):
            raise NotAllowed(f"Your role does not allow this: {permission}.")


SYSTEM = Actor(kind="system", id=None, name="System")
CUSTOMER = Actor(kind="customer", id=None, name="Customer")

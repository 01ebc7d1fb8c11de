"""Stripe's requests: form fields with brackets in their names, and the checks of single values."""

import re
from collections.abc import Iterable

from shop.simulator.stripe_errors import invalid

MOST_METADATA, LONGEST_KEY, LONGEST_VALUE = 50, 40, 500


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict:
    """`a[b]=1`, `a[]=1` and `a[0][b]=1` as dictionaries and lists of strings."""
    root: dict = {}
    for name, value in pairs:
        _put(root, [part.rstrip("]") for part in name.split("[")], value)
    return {name: _with_lists(value) for name, value in root.items()}


def _put(node: dict, path: list[str], value: str) -> None:
    for part in path[:-1]:
        node = node.setdefault(part or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid("Invalid hash", param=path[0], code="parameter_invalid_string")
    node[path[-1] or str(len(node))] = value


def _with_lists(node):
    if not isinstance(node, dict):
        return node
    items = {key: _with_lists(value) for key, value in node.items()}
    return list(items.values()) if items and all(key.isdigit() for key in items) else items


class Params(dict):
    """The parameters of one request; every reader refuses what Stripe refuses."""

    def text(self, name: str, default: str | None = None, *, most: int = 5000) -> str | None:
        value = self.get(name, default)
        if isinstance(value, dict | list):
            raise invalid(f"Invalid string: {value}", param=name)
        if value is not None and len(value) > most:
            raise invalid(
                f"Invalid string: must be at most {most} characters", param=name, code="parameter_invalid_string"
            )
        return value or None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.text(name, "false")
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=name)
        return value == "true"

    def choice(self, name: str, *allowed: str, default: str | None = None) -> str | None:
        value = self.text(name, default)
        if value is not None and value not in allowed:
            raise invalid(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return value

    def hash(self, name: str) -> "Params":
        value = self.get(name) or {}
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {value}", param=name)
        return Params(value)

    def items_of(self, name: str) -> list[str]:
        value = self.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid array", param=name)
        return value

    def metadata(self, before: dict | None = None) -> dict:
        """The metadata after this request: a key with an empty value is taken away, an empty field all of them."""
        if self.get("metadata") == "":
            return {}
        changes = self.hash("metadata")
        for key, value in changes.items():
            if not isinstance(value, str) or len(value) > LONGEST_VALUE or len(key) > LONGEST_KEY:
                raise invalid("Metadata keys have up to 40 characters, values up to 500", param=f"metadata[{key}]")
        merged = {key: value for key, value in {**(before or {}), **changes}.items() if value != ""}
        if len(merged) > MOST_METADATA:
            raise invalid("Metadata has up to 50 keys", param="metadata")
        return merged


def require_known(params: dict, allowed: frozenset[str]) -> None:
    unknown = [name for name in params if name not in allowed]
    if unknown:
        names = ", ".join(unknown)
        raise invalid(f"Received unknown parameter: {names}", param=unknown[0], code="parameter_unknown")

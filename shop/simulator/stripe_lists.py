"""Stripe's lists: newest first, paged by ids."""

from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import invalid
from shop.simulator.stripe_forms import Params

MOST = 100


def list_of(tx: Transaction, kind: str, params: Params, url: str, *filters: str, **fixed) -> dict:
    """`filters` are parameters that are keys of the object too; `fixed` are conditions that the address sets."""
    limit = params.integer("limit") if "limit" in params else 10
    if limit is None or not 1 <= limit <= MOST:
        raise invalid(f"Limit must be between 1 and {MOST}", param="limit", code="parameter_invalid_integer")
    where = fixed | {name: params.required(name) for name in filters if name in params} | _created(params)
    after, before = params.text("starting_after"), params.text("ending_before")
    for name, object_id in (("starting_after", after), ("ending_before", before)):
        if object_id and tx.find(object_id, kind) is None:
            raise invalid(f"No such {kind}: '{object_id}'", param=name, code="resource_missing")
    found = tx.select(kind, limit=limit + 1, before=after or "", after="" if after else before or "", **where)
    data = found[-limit:] if before and not after else found[:limit]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": url}


def _created(params: Params) -> dict:
    created = params.get("created")
    if isinstance(created, dict):
        bounds = Params(created)
        return {f"created__{name}": bounds.integer(name) for name in bounds}
    return {"created": params.integer("created")} if created else {}

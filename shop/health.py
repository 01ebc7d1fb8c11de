"""`/healthz`: the process answers. `/readyz`: it can do its work."""

from flask import Blueprint, Flask, current_app
from sqlalchemy import text

from shop.extensions import db, limiter
from shop.services import redis_client, relay
from shop.services.health_report import LAG_LIMIT_SECONDS

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
def alive():
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready():
    """Database, relay lag, and Redis if configured; 503 with the failing check named. A warning fails nothing."""
    checks, warnings = {"database": _passes(_database), "relay": _passes(_relay)}, {}
    if not current_app.config["SETTINGS"].is_embedded:
        checks["redis"] = _passes(redis_client.ping)
        warnings = _redis_warning() if checks["redis"] == "ok" else {}
    failed = any(check != "ok" for check in checks.values())
    answer = {"status": "failing" if failed else "ok", "checks": checks}
    return answer | ({"warnings": warnings} if warnings else {}), 503 if failed else 200


def _passes(check) -> str:
    try:
        check()
    except Exception as error:
        db.session.rollback()
        return type(error).__name__
    return "ok"


def _database() -> None:
    db.session.execute(text("SELECT 1"))


def _relay() -> None:
    if relay.lag_seconds() > LAG_LIMIT_SECONDS:
        raise TimeoutError("the relay is behind")


def _redis_warning() -> dict[str, str]:
    policy = redis_client.evicting_policy()
    if policy is None:
        return {}
    return {"redis": f"maxmemory-policy is {policy}: when full, Redis drops jobs. Set it to noeviction."}


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    limiter.exempt(blueprint)

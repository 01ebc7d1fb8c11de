"""Column types shared by every table."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, TypeDecorator, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator):
    """An aware datetime in UTC on every database.

    SQLite keeps no zone, so a naive value is refused on the way in and UTC is attached on the way out.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: attach a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value, dialect):
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class database_now(FunctionElement):
    """The database's own clock, `seconds` from now: leases then do not depend on the clocks of processes."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float = 0):
        super().__init__(literal(float(seconds)))


@compiles(database_now, "postgresql")
def _postgresql_now(element, compiler, **options):
    # The start of the statement, not of the transaction; stable within it, so that an index can be used.
    return f"(statement_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(database_now, "sqlite")
def _sqlite_now(element, compiler, **options):
    # `%f` gives milliseconds; stored datetimes have six digits, and texts are compared.
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"

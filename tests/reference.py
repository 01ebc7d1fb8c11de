"""Reference rows outlive a test on PostgreSQL, so whoever changes them puts them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import delete, insert, select, update

from shop.extensions import db
from shop.models.catalogue import DeviceModel


@contextmanager
def catalogue_put_back() -> Iterator[None]:
    table = DeviceModel.__table__
    rows = {row["id"]: dict(row) for row in db.session.execute(select(table)).mappings()}
    db.session.rollback()
    yield
    db.session.rollback()
    now = {row["id"]: dict(row) for row in db.session.execute(select(table)).mappings()}
    db.session.execute(delete(table).where(table.c.id.in_(now.keys() - rows.keys())))
    for key, row in rows.items():
        if key not in now:
            db.session.execute(insert(table).values(row))
        elif now[key] != row:
            db.session.execute(update(table).where(table.c.id == key).values(row))
    db.session.commit()

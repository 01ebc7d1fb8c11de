"""Money: attempts, refunds, disputes, what providers said, books that cannot be bent, and documents.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_UNDECIDED = sa.text("state IN ('created', 'action_needed', 'processing', 'authorised')")
_UNSETTLED = sa.text("state IN ('requested', 'accepted')")
_DISPUTE_OPEN = sa.text("state IN ('open', 'answered')")
_NOT_DONE = sa.text("state IN ('waiting', 'unknown', 'failed')")
_FAULTY = sa.text("fault <> ''")
_OF_REPAIR, _OF_PAYMENT, _OF_DRAWER = (
    sa.text(f"{column} IS NOT NULL") for column in ("repair_id", "payment_id", "drawer_id")
)

_BOOKS = ("ledger_transactions", "ledger_entries")
# All of a document but its content, which may be emptied when the law no longer wants it kept.
_KEPT = (
    "id", "key", "kind", "series", "year", "number", "repair_id", "payment_id", "corrects_id", "issued_at",
    "currency", "net", "tax", "gross", "locale",
)  # fmt: skip

_POSTGRESQL_UP = (
    """
    CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the ledger is append-only';
    END $$
    """,
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()"
        for table in _BOOKS
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
        for table in _BOOKS
    ),
    """
    CREATE FUNCTION ledger_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        of_transaction bigint;
        total numeric;
        entries bigint;
        foreign_entries bigint;
    BEGIN
        IF TG_TABLE_NAME = 'ledger_entries' THEN
            of_transaction := NEW.transaction_id;
        ELSE
            of_transaction := NEW.id;
        END IF;
        SELECT coalesce(sum(e.amount), 0), count(*), count(*) FILTER (WHERE e.currency <> t.currency)
        INTO total, entries, foreign_entries
        FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
        WHERE t.id = of_transaction;
        IF total <> 0 OR entries < 2 OR foreign_entries > 0 THEN
            RAISE EXCEPTION 'ledger transaction % does not balance', of_transaction;
        END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"CREATE CONSTRAINT TRIGGER {table}_sum_to_zero AFTER INSERT ON {table} "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_sums_to_zero()"
        for table in _BOOKS
    ),
    f"""
    CREATE FUNCTION documents_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.content = '{{}}' AND OLD.issued_at < now() - interval '6 years'
           AND ({", ".join(f"OLD.{name}" for name in _KEPT)}) IS NOT DISTINCT FROM
               ({", ".join(f"NEW.{name}" for name in _KEPT)})
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a document that was issued is final';
    END $$
    """,
    "CREATE TRIGGER documents_append_only BEFORE UPDATE OR DELETE ON documents "
    "FOR EACH ROW EXECUTE FUNCTION documents_are_final()",
    "CREATE TRIGGER documents_no_truncate BEFORE TRUNCATE ON documents "
    "FOR EACH STATEMENT EXECUTE FUNCTION documents_are_final()",
)
_POSTGRESQL_DOWN = (
    "DROP FUNCTION documents_are_final()",
    "DROP FUNCTION ledger_sums_to_zero()",
    "DROP FUNCTION ledger_is_append_only()",
)

_SQLITE_UP = (
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} BEGIN "
        "SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for table in _BOOKS
    ),
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN "
        "SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for table in _BOOKS
    ),
    f"""
    CREATE TRIGGER documents_append_only BEFORE UPDATE ON documents
    WHEN NEW.content <> '{{}}' OR OLD.issued_at >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-6 years')
        OR {" OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _KEPT)} BEGIN
        SELECT RAISE(ABORT, 'a document that was issued is final');
    END
    """,
    """
    CREATE TRIGGER documents_no_delete BEFORE DELETE ON documents BEGIN
        SELECT RAISE(ABORT, 'a document that was issued is final');
    END
    """,
)


def upgrade():
    _make_payments()
    _make_books()
    _make_documents()
    for statement in _POSTGRESQL_UP if _is_postgresql() else _SQLITE_UP:
        op.execute(statement)


def downgrade():
    for table in _TABLES:
        op.drop_table(table)
    for statement in _POSTGRESQL_DOWN if _is_postgresql() else ():
        op.execute(statement)


# The triggers go with their tables.
_TABLES = (
    "documents", "document_counters", "ledger_entries", "ledger_transactions", "reconciliations", "provider_calls", "provider_events",
    "disputes", "refunds", "payments", "drawers",
)  # fmt: skip


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _make_payments():
    op.create_table(
        "drawers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("float_amount", sa.BigInteger(), nullable=False),
        sa.Column("minimum_float", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("counted", sa.BigInteger(), nullable=True),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("difference", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("float_amount >= 0 AND minimum_float >= 0", name=op.f("ck_drawers_float")),
        sa.ForeignKeyConstraint(["closed_by"], ["staff.id"], name=op.f("fk_drawers_closed_by")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_drawers_location_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["staff.id"], name=op.f("fk_drawers_opened_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drawers")),
    )
    op.create_index("ix_drawers_location_id", "drawers", ["location_id", "id"])
    op.create_table(
        "payments",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=10), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=14), nullable=False),
        sa.Column("provider_ref", sa.String(length=64), nullable=True),
        sa.Column("charge_ref", sa.String(length=64), nullable=True),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("tendered", sa.BigInteger(), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=False),
        sa.Column("fault", sa.String(length=12), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("drawer_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "captured >= 0 AND refunded >= 0 AND refunded <= captured", name=op.f("ck_payments_captured")
        ),
        sa.ForeignKeyConstraint(["drawer_id"], ["drawers.id"], name=op.f("fk_payments_drawer_id")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_payments_repair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("key", name=op.f("uq_payments_key")),
        sa.UniqueConstraint("provider", "provider_ref", name=op.f("uq_payments_provider_provider_ref")),
    )
    op.create_index("ix_payments_charge_ref", "payments", ["charge_ref"])
    op.create_index("ix_payments_created_at", "payments", ["created_at", "id"])
    op.create_index(
        "ix_payments_drawer_id", "payments", ["drawer_id", "id"], postgresql_where=_OF_DRAWER, sqlite_where=_OF_DRAWER
    )
    op.create_index("ix_payments_fault", "payments", ["id"], postgresql_where=_FAULTY, sqlite_where=_FAULTY)
    op.create_index("ix_payments_provider", "payments", ["provider", "id"])
    op.create_index("ix_payments_repair_id", "payments", ["repair_id", "id"])
    op.create_index("ix_payments_settled_at", "payments", ["settled_at", "id"])
    op.create_index("ix_payments_state", "payments", ["state", "id"])
    op.create_index(
        "ix_payments_undecided", "payments", ["created_at", "id"], postgresql_where=_UNDECIDED, sqlite_where=_UNDECIDED
    )
    op.create_table(
        "refunds",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("provider_ref", sa.String(length=64), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("key", name=op.f("uq_refunds_key")),
        sa.UniqueConstraint("payment_id", "provider_ref", name=op.f("uq_refunds_payment_id_provider_ref")),
    )
    op.create_index("ix_refunds_created_at", "refunds", ["created_at", "id"])
    op.create_index("ix_refunds_provider_ref", "refunds", ["provider_ref"])
    op.create_index(
        "ix_refunds_unsettled", "refunds", ["created_at", "id"], postgresql_where=_UNSETTLED, sqlite_where=_UNSETTLED
    )
    op.create_table(
        "disputes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=False),
        sa.Column("provider_ref", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_by", _MOMENT, nullable=True),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_disputes_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("payment_id", "provider_ref", name=op.f("uq_disputes_payment_id_provider_ref")),
    )
    op.create_index(
        "ix_disputes_open", "disputes", ["due_by", "id"], postgresql_where=_DISPUTE_OPEN, sqlite_where=_DISPUTE_OPEN
    )
    op.create_index("ix_disputes_provider_ref", "disputes", ["provider_ref"])
    op.create_table(
        "provider_events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("provider", sa.String(length=10), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("object_ref", sa.String(length=120), nullable=False),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("handled_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_provider_events_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_events")),
        sa.UniqueConstraint("provider", "event_id", name=op.f("uq_provider_events_provider_event_id")),
    )
    op.create_index(
        "ix_provider_events_not_done",
        "provider_events",
        ["state", "id"],
        postgresql_where=_NOT_DONE,
        sqlite_where=_NOT_DONE,
    )
    op.create_index("ix_provider_events_object_ref", "provider_events", ["object_ref"])
    op.create_index("ix_provider_events_payment_id", "provider_events", ["payment_id", "id"])
    op.create_index("ix_provider_events_received_at", "provider_events", ["received_at"])
    op.create_table(
        "provider_calls",
        sa.Column("id", _ID, nullable=False),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("provider", sa.String(length=10), nullable=False),
        sa.Column("method", sa.String(length=6), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("idempotency_key", sa.String(length=108), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_provider_calls_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_calls")),
    )
    op.create_index("ix_provider_calls_at", "provider_calls", ["at"])
    op.create_index("ix_provider_calls_payment_id", "provider_calls", ["payment_id", "id"])
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=10), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    op.create_index("ix_reconciliations_day", "reconciliations", ["day", "provider"])


def _make_books():
    op.create_table(
        "ledger_transactions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=True),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("drawer_id", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("memo", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["drawer_id"], ["drawers.id"], name=op.f("fk_ledger_transactions_drawer_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_ledger_transactions_payment_id")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_ledger_transactions_repair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_transactions_key")),
    )
    op.create_index("ix_ledger_transactions_at", "ledger_transactions", ["at", "id"])
    op.create_index(
        "ix_ledger_transactions_drawer_id",
        "ledger_transactions",
        ["drawer_id"],
        postgresql_where=_OF_DRAWER,
        sqlite_where=_OF_DRAWER,
    )
    op.create_index("ix_ledger_transactions_kind", "ledger_transactions", ["kind", "id"])
    op.create_index("ix_ledger_transactions_payment_id", "ledger_transactions", ["payment_id"])
    op.create_index(
        "ix_ledger_transactions_repair_id",
        "ledger_transactions",
        ["repair_id"],
        postgresql_where=_OF_REPAIR,
        sqlite_where=_OF_REPAIR,
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("transaction_id", _ID, nullable=False),
        sa.Column("account", sa.String(length=10), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_ledger_entries_repair_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_entries_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_account", "ledger_entries", ["account", "id", "currency", "amount"])
    op.create_index(
        "ix_ledger_entries_repair_id",
        "ledger_entries",
        ["repair_id", "account", "currency", "amount"],
        postgresql_where=_OF_REPAIR,
        sqlite_where=_OF_REPAIR,
    )
    op.create_index("ix_ledger_entries_transaction_id", "ledger_entries", ["transaction_id"])


def _make_documents():
    op.create_table(
        "document_counters",
        sa.Column("series", sa.String(length=10), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_document_counters")),
    )
    op.create_table(
        "documents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("series", sa.String(length=10), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("repair_id", sa.Integer(), nullable=True),
        sa.Column("payment_id", _ID, nullable=True),
        sa.Column("corrects_id", _ID, nullable=True),
        sa.Column("issued_at", _MOMENT, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("tax", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.String(length=5), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.CheckConstraint("net + tax = gross", name=op.f("ck_documents_gross")),
        sa.CheckConstraint("number > 0", name=op.f("ck_documents_number")),
        sa.ForeignKeyConstraint(["corrects_id"], ["documents.id"], name=op.f("fk_documents_corrects_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_documents_payment_id")),
        sa.ForeignKeyConstraint(["repair_id"], ["repairs.id"], name=op.f("fk_documents_repair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("key", name=op.f("uq_documents_key")),
        sa.UniqueConstraint("series", "year", "number", name=op.f("uq_documents_series_year_number")),
    )
    op.create_index("ix_documents_corrects_id", "documents", ["corrects_id"])
    op.create_index("ix_documents_issued_at", "documents", ["issued_at", "id"])
    op.create_index("ix_documents_kind", "documents", ["kind", "id"])
    op.create_index(
        "ix_documents_payment_id", "documents", ["payment_id"], postgresql_where=_OF_PAYMENT, sqlite_where=_OF_PAYMENT
    )
    op.create_index(
        "ix_documents_repair_id", "documents", ["repair_id", "id"], postgresql_where=_OF_REPAIR, sqlite_where=_OF_REPAIR
    )

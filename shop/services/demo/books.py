"""The ledger of the demo shop, gathered and then written in one go."""

from datetime import datetime

from shop.models.ledger import LedgerEntry, LedgerTransaction, Posting
from shop.services.demo.rows import EntryRow, TransactionRow
from shop.services.demo.tables import new_ids, write_rows


class Books:
    """Transactions in the order in which they are posted; ids are given when they are written."""

    def __init__(self, currency: str):
        self.currency = currency
        self._posted: list[tuple[TransactionRow, Posting]] = []

    def post(
        self, key: str, kind: str, entries: Posting, *, at: datetime, actor: str = "system",
        repair_id: int | None = None, payment_id: int | None = None, drawer_id: int | None = None, memo: str = "",
    ) -> None:  # fmt: skip
        row = TransactionRow(
            id=0, key=key, kind=str(kind), repair_id=repair_id, payment_id=payment_id, drawer_id=drawer_id,
            currency=self.currency, at=at, actor=actor, memo=memo,
        )  # fmt: skip
        self._posted.append((row, entries))

    def write(self) -> None:
        self._posted.sort(key=lambda posted: posted[0].at)
        ids = new_ids(LedgerTransaction.__table__, len(self._posted))
        rows, lines = [], []
        for (row, entries), row_id in zip(self._posted, ids, strict=True):
            rows.append(row._replace(id=row_id))
            lines += [
                EntryRow(row_id, str(entry.account), entry.amount, row.currency, row.repair_id) for entry in entries
            ]
        write_rows(LedgerTransaction.__table__, rows)
        write_rows(LedgerEntry.__table__, lines)

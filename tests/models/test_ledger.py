import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models import ledger
from shop.models.ledger import Entry, Unbalanced

AMOUNTS = st.integers(min_value=1, max_value=10**12)
TAXES = st.integers(min_value=0, max_value=10**12)


@pytest.mark.parametrize(
    ("posting", "entries"),
    [
        (ledger.payment_posting("stripe", 5000), {"stripe": 5000, "customer": -5000}),
        (ledger.cash_posting(1000, settles=1002), {"cash": 1000, "rounding": 2, "customer": -1002}),
        (ledger.cash_posting(1005, settles=1003), {"cash": 1005, "rounding": -2, "customer": -1003}),
        (ledger.cash_refund_posting(1000, settles=1002), {"cash": -1000, "rounding": -2, "customer": 1002}),
        (ledger.fee_posting("paypal", 90), {"fees": 90, "paypal": -90}),
        (ledger.fee_posting("paypal", -90), {"fees": -90, "paypal": 90}),
        (ledger.refund_posting("stripe", 700), {"customer": 700, "stripe": -700}),
        (ledger.failed_refund_posting("stripe", 700), {"customer": -700, "stripe": 700}),
        (ledger.dispute_posting("stripe", 700), {"disputes": 700, "stripe": -700}),
        (ledger.dispute_won_posting("stripe", 700), {"disputes": -700, "stripe": 700}),
        (ledger.dispute_lost_posting(700), {"customer": 700, "disputes": -700}),
        (ledger.payout_posting("stripe", 700), {"bank": 700, "stripe": -700}),
        (ledger.payout_posting("stripe", -700), {"bank": -700, "stripe": 700}),
        (ledger.invoice_posting(net=1000, tax=200), {"customer": 1200, "revenue": -1000, "tax": -200}),
        (ledger.invoice_posting(net=1000, tax=0), {"customer": 1000, "revenue": -1000}),
        (ledger.credit_note_posting(net=1000, tax=200), {"refunds": 1000, "tax": 200, "customer": -1200}),
        (ledger.drawer_difference_posting(-50), {"cash": -50, "rounding": 50}),
    ],
)
def test_a_posting_is_what_the_table_of_accounts_says(posting, entries):
    assert {entry.account: entry.amount for entry in posting} == entries


@given(amount=AMOUNTS, tax=TAXES, near=AMOUNTS)
def test_every_posting_sums_to_zero_and_its_reverse_takes_it_back(amount, tax, near):
    postings = [
        ledger.payment_posting("stripe", amount),
        ledger.cash_posting(near, settles=amount),
        ledger.fee_posting("paypal", amount),
        ledger.dispute_lost_posting(amount),
        ledger.invoice_posting(net=amount, tax=tax),
        ledger.credit_note_posting(net=amount, tax=tax),
    ]

    for posting in postings:
        back = ledger.reversed_posting(posting)
        assert sum(entry.amount for entry in posting) == 0
        assert [(a.account, a.amount + b.amount) for a, b in zip(posting, back, strict=True)] == [
            (entry.account, 0) for entry in posting
        ]


@pytest.mark.parametrize("amount", [0, -1])
def test_no_payment_or_refund_of_nothing_or_less(amount):
    for build in (ledger.payment_posting, ledger.refund_posting, ledger.dispute_posting):
        with pytest.raises(ValueError, match="not an amount"):
            build("stripe", amount)


@pytest.mark.parametrize(
    "entries", [[], [Entry("cash", 0)], [Entry("cash", 1)], [Entry("cash", 1), Entry("bank", -2)], [Entry("cash", 0.5)]]
)
def test_entries_that_do_not_balance_are_refused(entries):
    with pytest.raises(Unbalanced):
        ledger.balanced(entries)

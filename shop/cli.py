"""Commands: `flask --app wsgi …`. Each commits once; housekeeping, once a batch."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from tqdm import tqdm

from shop.extensions import db
from shop.models.errors import Invalid, ProviderDown, ProviderRefused
from shop.models.permissions import Role
from shop.services import accounts, audit, backtest, demo, housekeeping, ledger_check, seed, staff
from shop.services.payments import keys, reconcile

user_cli = AppGroup("user", help="People of the staff.")
account_cli = AppGroup("account", help="Customers' accounts.")
audit_cli = AppGroup("audit", help="The sealed log.")
ledger_cli = AppGroup("ledger", help="The books.")
payments_cli = AppGroup("payments", help="Payments and their providers.")
promise_cli = AppGroup("promise", help="Ready-by dates and how often they hold.")


@user_cli.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--name", default="", help="Full name, as colleagues see it.")
def create_user(email: str, role: str, name: str) -> None:
    """Adds a person. The password is asked for, or read from standard input."""
    try:
        person = staff.create_staff(email=email, password=_read_password(), role=role, name=name)
    except Invalid as error:
        raise click.ClickException(error.message) from None
    db.session.commit()
    click.echo(f"{person.email} can sign in as {role}.")


@account_cli.command("link")
@click.argument("email")
def make_account_link(email: str) -> None:
    """Prints a link that sets a customer's password, once and for 24 hours. Give it to nobody but the customer."""
    try:
        link = accounts.issue_link(email)
    except Invalid as error:
        raise click.ClickException(error.message) from None
    db.session.commit()
    click.echo(f"{current_app.config['SETTINGS'].BASE_URL}{accounts.link_path(link.token)}")


@audit_cli.command("verify")
@click.option("--head", help="POSITION:HASH that was kept outside.")
def verify(head: str | None) -> None:
    """Walks the log. Exits 1 and names the first bad position if it was tampered with."""
    verdict = audit.verify(outside_head=_outside_head(head))
    if not verdict.good:
        click.echo(f"Bad at position {verdict.position}: {verdict.reason}.", err=True)
        sys.exit(1)
    click.echo(f"Good to position {verdict.position}. Head {verdict.position}:{verdict.head}")


@ledger_cli.command("verify")
def verify_ledger() -> None:
    """Tries every rule that the books obey. Exits 1 and names what is wrong."""
    faults = ledger_check.verify()
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(1)
    click.echo("The books are good.")


@payments_cli.command("reconcile")
@click.option(
    "--provider", type=click.Choice(["stripe", "paypal"]), help="Only this one; all that are set up by default."
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="In UTC; yesterday by default.")
def reconcile_payments(provider: str | None, day: datetime | None) -> None:
    """Compares a provider's list of a day with our books. Exits 1 and names each difference that is left."""
    wanted = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    differs = False
    for name in [provider] if provider else keys.in_use().online_providers:
        try:
            result = reconcile.reconcile(name, wanted)
        except (ProviderDown, ProviderRefused) as error:
            raise click.ClickException(error.message) from None
        for sentence in json.loads(result.differences):
            click.echo(sentence, err=True)
        click.echo(f"{name}, {wanted}: {result.compared} compared, {result.settled} mended, {result.found} differ.")
        differs = differs or result.found > 0
    if differs:
        sys.exit(1)


@promise_cli.command("backtest")
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--zone", default="Europe/London", show_default=True, help="Of times that are written without offset.")
def backtest_promises(log: Path, zone: str) -> None:
    """Plays a history of cases again and prints as JSON how promises made along it would have held.

    LOG is a CSV file with the columns CaseID, ActivityID and CompleteTimestamp, one line for each event. A case
    is complete with its last event. Promises are made at arrival and after each event but the last, with only
    what was known then; the report covers the later half of them.
    """
    try:
        with log.open(encoding="utf-8-sig", newline="") as lines:
            report = backtest.backtest(lines, zone=_zone(zone))
    except Invalid as error:
        raise click.ClickException(" ".join(error.fields.values())) from None
    except UnicodeDecodeError:
        raise click.ClickException("The file is not UTF-8 text.") from None
    click.echo(json.dumps(report))


@click.command("seed")
def load_seed() -> None:
    """Loads catalogue, price list and the first branch. Running it again changes nothing."""
    seed.load_reference_data()
    db.session.commit()
    click.echo("The reference data are in place.")


@click.command("demo")
@click.option("--repairs", type=click.IntRange(min=1), required=True, help="How many to add.")
@click.option("--open", "open_count", type=click.IntRange(min=0), help="How many of them are open; 0.4 % by default.")
@click.option("--seed", "number", type=int, default=1, show_default=True, help="Another number, another shop.")
@click.option("--if-empty", is_flag=True, help="Do nothing, without complaint, where there are repairs already.")
@click.option("--force", is_flag=True, help="Add to a shop that has repairs already. Nothing is ever deleted.")
@click.option("--quiet", is_flag=True, help="No progress bar and no words.")
def add_demo(repairs: int, open_count: int | None, number: int, if_empty: bool, force: bool, quiet: bool) -> None:
    """Fills the shop with invented repairs and the demo staff.

    Refuses where there are repairs already, so that no real shop is mixed with invented people by mistake. All
    is one transaction: stopped half-way, it leaves nothing behind. While a large number is added, a server on
    the same database can read, but must wait to write.
    """
    if demo.has_repairs() and not force:
        if if_empty:
            return
        raise click.ClickException("This shop has repairs already. Use --force to add invented ones to them.")
    with tqdm(total=repairs, unit=" repairs", disable=quiet) as bar:
        try:
            filled = demo.fill(repairs, open_count=open_count, seed=number, advance=bar.update)
        except Invalid as error:
            raise click.ClickException(" ".join(error.fields.values())) from None
    db.session.commit()
    if not quiet:
        click.echo(f"Added {filled.repairs:,} repairs, {filled.open:,} of them open.")


@click.command("housekeeping")
def tidy() -> None:
    """Forgets old idempotency keys, booking drafts and sign-ins, as the background does once an hour."""
    for name, count in asdict(housekeeping.forget_old()).items():
        click.echo(f"{name.replace('_', ' ')}: {count:,}")


def register(app: Flask) -> None:
    for command in (user_cli, account_cli, audit_cli, ledger_cli, payments_cli, promise_cli, load_seed, add_demo, tidy):
        app.cli.add_command(command)


def _read_password() -> str:
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise click.BadParameter("give the name of a time zone, such as Europe/London", param_hint="--zone") from None


def _outside_head(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    position, _, digest = text.partition(":")
    if not position.isdigit() or len(digest) != 64:
        raise click.BadParameter("write it as POSITION:HASH, as `audit verify` prints it", param_hint="--head")
    return int(position), digest

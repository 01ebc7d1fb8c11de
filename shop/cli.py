"""Commands: `flask --app wsgi …`. Each commits once."""

import sys

import click
from flask import Flask
from flask.cli import AppGroup

from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.permissions import Role
from shop.services import audit, staff

user_cli = AppGroup("user", help="People of the staff.")
audit_cli = AppGroup("audit", help="The sealed log.")


@user_cli.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(list(Role)), required=True)
@click.option("--name", default="", help="Full name, as colleagues see it.")
def create_user(email: str, role: str, name: str) -> None:
    """Adds a person. The password is asked for, or read from standard input."""
    try:
        person = staff.create_staff(email=email, password=_read_password(), role=role, name=name)
    except Invalid as error:
        raise click.ClickException(error.message) from None
    db.session.commit()
    click.echo(f"{person.email} can sign in as {role}.")


@audit_cli.command("verify")
@click.option("--head", help="POSITION:HASH that was kept outside.")
def verify(head: str | None) -> None:
    """Walks the log. Exits 1 and names the first bad position if it was tampered with."""
    verdict = audit.verify(outside_head=_outside_head(head))
    if not verdict.good:
        click.echo(f"Bad at position {verdict.position}: {verdict.reason}.", err=True)
        sys.exit(1)
    click.echo(f"Good to position {verdict.position}. Head {verdict.position}:{verdict.head}")


def register(app: Flask) -> None:
    app.cli.add_command(user_cli)
    app.cli.add_command(audit_cli)


def _read_password() -> str:
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


def _outside_head(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    position, _, digest = text.partition(":")
    if not position.isdigit() or len(digest) != 64:
        raise click.BadParameter("write it as POSITION:HASH, as `audit verify` prints it", param_hint="--head")
    return int(position), digest

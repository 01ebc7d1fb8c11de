"""`make run`: a shop to try on a file of its own, and nothing invented in any other database."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """`run(**environment)`: what run.sh calls, one command a line, and what it says. Nothing is really started."""
    calls, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    for name in ("flask", "gunicorn"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{calls}\n')
        program.chmod(0o755)

    def go(**environment) -> tuple[list[str], str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DEMO_REPAIRS")}
        kept |= {"PATH": f"{programs}:{os.environ['PATH']}", "SHOP_DATA": str(tmp_path), **environment}
        answer = subprocess.run(
            ["/bin/sh", "scripts/run.sh"], cwd=ROOT, env=kept, capture_output=True, text=True, check=True
        )
        return calls.read_text().splitlines(), answer.stdout

    return go


def test_new_shop_on_its_own_file_gets_demo_people(run):
    calls, words = run()

    assert calls == [
        "flask --app wsgi db upgrade",
        "flask --app wsgi seed",
        "flask --app wsgi demo --repairs 600 --if-empty",
        "gunicorn -c gunicorn.conf.py wsgi:app",
    ]
    assert "password demo-shop-2026" in words


def test_database_that_was_named_gets_no_people_whose_password_everybody_knows(run):
    calls, words = run(DATABASE_URL="postgresql://127.0.0.1/shop")

    assert [call for call in calls if " demo" in call] == []
    assert "demo-shop-2026" not in words
    assert "flask --app wsgi user create EMAIL --role owner" in words

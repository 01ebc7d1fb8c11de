"""`promise backtest`: the contract, and what files people really have."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shop.models.errors import Invalid
from shop.services.backtest import backtest, read_history
from tests import histories

LONDON = ZoneInfo("Europe/London")
HEADING = "CaseID,ActivityID,CompleteTimestamp"


def moments(*rows: str, zone=LONDON) -> list[datetime]:
    return [line.moment for line in read_history([HEADING, *rows], zone=zone)]


def as_csv(history) -> str:
    rows = [f"{line.case},{line.activity},{line.moment:%Y-%m-%d %H:%M:%S}" for line in history]
    return "\n".join([HEADING, *rows]) + "\n"


@pytest.fixture
def run(app, tmp_path):
    def run(text: str | bytes, *options: str):
        path = tmp_path / "log.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return app.test_cli_runner().invoke(args=["promise", "backtest", str(path), *options])

    return run


def test_backtest_command_prints_one_json_object(run):
    result = run(as_csv(histories.shop(histories.Shop(cases=500, days=300))), "--zone", "America/Sao_Paulo")

    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(report) == [
        "n", "coverage50", "coverage90", "median_width_days_90", "naive_median_width_days_90", "by_month",
    ]  # fmt: skip
    assert 0.87 <= report["coverage90"] <= 0.93
    assert 0.45 <= report["coverage50"] <= 0.55
    assert 0 < report["median_width_days_90"] < report["naive_median_width_days_90"]
    assert sum(month["n"] for month in report["by_month"]) == report["n"] > 500
    assert [month["month"] for month in report["by_month"]] == sorted({month["month"] for month in report["by_month"]})


def test_backtest_of_too_short_a_history_promises_nothing(run):
    report = json.loads(run(f"{HEADING}\n1,a,2026-01-05 10:00:00\n1,b,2026-01-05 11:00:00\n2,a,2026-01-06\n").stdout)

    assert report == {
        "n": 0, "coverage50": None, "coverage90": None, "median_width_days_90": None,
        "naive_median_width_days_90": None, "by_month": [],
    }  # fmt: skip


def test_order_of_the_rows_changes_nothing(run):
    history = histories.shop(histories.Shop(cases=200, days=100))

    assert run(as_csv(history)).stdout == run(as_csv(sorted(history, key=lambda line: (line.case, line.moment)))).stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file is empty"),
        ("\n\n", "The file is empty"),
        (f"{HEADING}\n", "no events"),
        ("CaseID,Activity,CompleteTimestamp\n1,a,2026-01-05\n", "Line 1: no column ActivityID"),
        (f"{HEADING}\n1,a,2026-01-05\n2,b\n", "Line 3: it has 2 cells"),
        (f"{HEADING}\n1,a,yesterday\n", 'Line 2: "yesterday" is no CompleteTimestamp'),
        (f"{HEADING}\n1,a,2026-02-30 10:00:00\n", "Line 2: "),
        (f"{HEADING}\n1,a,0001-01-01 00:00:00+02:00\n", "Line 2: "),
        (f"{HEADING}\n,a,2026-01-05\n", "Line 2: it has no CaseID"),
        (f'{HEADING}\n1,"a,2026-01-05\n', "this is not CSV"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_file_that_cannot_be_read_is_refused_in_words(run, text, said):
    result = run(text)

    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", ""])
def test_zone_that_does_not_exist_is_refused(run, zone):
    result = run(f"{HEADING}\n1,a,2026-01-05\n", "--zone", zone)

    assert result.exit_code == 2
    assert "time zone" in result.output


def test_missing_file_is_refused(app):
    assert app.test_cli_runner().invoke(args=["promise", "backtest", "/nowhere.csv"]).exit_code == 2


def test_time_without_offset_is_local_and_with_one_is_not():
    read = moments(
        "1,a,2026-07-01 10:00:00",
        "1,b,2026-07-01T10:00:00+02:00",
        "1,c,2026/07/01 10:00:00.500",
        "1,d,2026-07-01T10:00:00Z",
    )

    assert [f"{moment:%H:%M:%S}" for moment in read] == ["09:00:00", "08:00:00", "09:00:00", "10:00:00"]


def test_hour_that_is_there_twice_goes_on_forward():
    read = moments(
        "1,a,2026-10-25 00:50:00", "1,b,2026-10-25 01:40:00", "1,c,2026-10-25 01:10:00", "2,a,2026-10-25 01:10:00"
    )

    assert [moment.strftime("%H:%M") for moment in read] == ["23:50", "00:40", "01:10", "00:10"]


def test_same_line_twice_counts_once():
    assert len(moments("1,a,2026-01-05 10:00", "1,a,2026-01-05 10:00", "1,b,2026-01-05 10:00")) == 2


def test_other_columns_blank_lines_and_a_mark_at_the_beginning_are_no_matter():
    lines = ["\ufeffResource,CompleteTimestamp,CaseID,ActivityID\n", "\n", 'Bob,2026-01-05 10:00,"7",x\n', ",,,\n"]

    (line,) = read_history(lines, zone=LONDON)

    assert (line.case, line.activity, line.moment) == ("7", "x", datetime(2026, 1, 5, 10, tzinfo=UTC))


def test_report_covers_the_later_half():
    history = histories.shop(histories.Shop(cases=400, days=200))

    report = backtest(as_csv(history).splitlines(), zone=LONDON)

    assert report["by_month"][0]["month"] >= "2021-04"


def test_damage_is_an_invalid_that_names_its_line():
    with pytest.raises(Invalid) as refused:
        moments("1,a,2026-01-05 10:00", "1,a,25:00")

    assert refused.value.fields["log"].startswith("Line 3: ")

"""Reads a history of cases from CSV and says how promises made along it would have held."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from shop.models.backtest import Happened, Promise, replay
from shop.models.errors import Invalid

COLUMNS = ("CaseID", "ActivityID", "CompleteTimestamp")
_DAY = 86_400
_HOUR = timedelta(hours=1)
# Spreadsheets write 9:05 for 09:05.
_SHORT_HOUR = re.compile(r"^(\d{4}-\d\d-\d\d)[ T](\d:)")


def backtest(lines: Iterable[str], *, zone: ZoneInfo) -> dict:
    """The report on a history in CSV. Raises Invalid naming the line that cannot be read.

    It covers the later half of the promises, in order of time: the earlier ones are how the method learned.
    """
    promises = replay(list(read_history(lines, zone=zone)))
    judged = promises[len(promises) // 2 :]
    months: dict[str, list[Promise]] = defaultdict(list)
    for promise in judged:
        months[promise.moment.astimezone(zone).strftime("%Y-%m")].append(promise)
    return {
        **_kept(judged),
        "median_width_days_90": _median_days([promise.within[-1] for promise in judged]),
        "naive_median_width_days_90": _median_days([promise.naive for promise in judged]),
        "by_month": [{"month": month, **_kept(months[month])} for month in sorted(months)],
    }


def read_history(lines: Iterable[str], *, zone: ZoneInfo) -> Iterator[Happened]:
    """Each line once, in the order of the file. A time without offset is a time in `zone`."""
    rows = csv.reader(lines, strict=True)
    places = _places(next(rows, []))
    seen: set[tuple[str, str, datetime]] = set()
    latest: dict[str, datetime] = {}
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            case, activity, text = _cells(row, places, rows.line_num)
            moment = _moment(text, zone, after=latest.get(case), line=rows.line_num)
            latest[case] = moment
            if (case, activity, moment) not in seen:
                seen.add((case, activity, moment))
                yield Happened(case, activity, moment)
    except csv.Error as error:
        raise _fault(rows.line_num, f"this is not CSV ({error})") from None
    if not seen:
        raise Invalid({"log": "The file has a heading and no events. Give it one line for each event."})


def _kept(promises: Sequence[Promise]) -> dict:
    shares = [
        round(sum(p.held(target) for p in promises) / len(promises), 4) if promises else None for target in (0, 1)
    ]
    return {"n": len(promises), "coverage50": shares[0], "coverage90": shares[1]}


def _median_days(seconds: list[float]) -> float | None:
    return round(median(seconds) / _DAY, 3) if seconds else None


def _places(heading: list[str]) -> list[int]:
    names = [name.strip().removeprefix("\ufeff") for name in heading]
    if not any(names):
        raise Invalid({"log": f"The file is empty. Its first line must be {','.join(COLUMNS)}."})
    if missing := [name for name in COLUMNS if name not in names]:
        raise Invalid({"log": f"Line 1: no column {', '.join(missing)}. Needed are {', '.join(COLUMNS)}."})
    return [names.index(name) for name in COLUMNS]


def _cells(row: list[str], places: list[int], line: int) -> tuple[str, str, str]:
    if len(row) <= max(places):
        raise _fault(line, f"it has {len(row)} cells, and the heading more")
    case, activity, moment = (row[place].strip() for place in places)
    if not case:
        raise _fault(line, "it has no CaseID")
    return case, activity, moment


def _moment(text: str, zone: ZoneInfo, *, after: datetime | None, line: int) -> datetime:
    """The hour that is there twice, when summer time ends, is taken for the second where the case is past the first."""
    try:
        moment = datetime.fromisoformat(_SHORT_HOUR.sub(r"\1 0\2", text.replace("/", "-")))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        first, second = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        wanted = "Write it like 2026-11-24 15:30:00, with an offset or without."
        raise _fault(line, f'"{text[:40]}" is no CompleteTimestamp. {wanted}') from None
    return second if after is not None and first < after <= second and second - first == _HOUR else first


def _fault(line: int, text: str) -> Invalid:
    return Invalid({"log": f"Line {line}: {text}"})

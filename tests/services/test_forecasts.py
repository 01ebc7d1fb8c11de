"""Forecasts of open repairs: made after each step, settled when the work is done, never made up."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.event import Event
from shop.models.forecast import FEWEST
from shop.models.hours import OpeningHours
from shop.models.promise import Forecast, Outlook, PromiseLevels
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import forecasts, relay, repairs
from shop.services.events import record
from tests import factories

OWNER = Actor("system", None, "System", "owner")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
WEEK = (((time(9), time(18, 30)),),) * 6 + ((),)


def catch_up() -> int:
    relay.relay_batch()
    db.session.commit()
    return forecasts.follow()


def history(jobs: int = FEWEST, *, status: str = "received", minutes=range(60, 6000), **values) -> None:
    """Settled forecasts of other repairs: what the shop knows."""
    other = factories.repair(customer=factories.customer("Olga Past", email="olga@example.com"))
    catch_up()
    db.session.execute(Outlook.__table__.delete())
    for number, took in zip(range(jobs), minutes, strict=False):
        made = MONDAY - timedelta(days=60, hours=-number)
        db.session.add(
            Forecast(repair_id=other.id, version=1000 + number, location_id=other.location_id, made_at=made,
                     status=status, minutes=took, ready_at=made + timedelta(minutes=took), **values)
        )  # fmt: skip
    db.session.commit()


def move(repair: Repair, to: str) -> None:
    repairs.move(repairs.lock_repair(repair.number), to, actor=OWNER)
    db.session.commit()


def outlook_of(repair: Repair) -> Outlook | None:
    db.session.expire_all()
    return db.session.get(Outlook, repair.id)


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


def test_new_repair_is_foreseen_from_the_past(app, monday):
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair()

    assert catch_up() == 1

    outlook = outlook_of(repair)
    forecast = db.session.get(Forecast, outlook.forecast_id)
    # Half took 505 minutes, nine of ten 909: a day has 570, and begins at 10:00 in London.
    assert (forecast.basis, forecast.jobs, forecast.status) == ("status", 100, "received")
    assert outlook.likely_at == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert outlook.safe_at == datetime(2026, 11, 24, 15, 45, tzinfo=UTC)
    assert outlook.told_at == outlook.safe_at
    assert outlook.stalls_at == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_without_history_nothing_is_made_up(app, monday):
    history(FEWEST - 1)
    repair = factories.repair()

    catch_up()

    outlook = outlook_of(repair)
    forecast = db.session.get(Forecast, outlook.forecast_id)
    assert (outlook.likely_at, outlook.safe_at, outlook.told_at) == (None, None, None)
    assert (forecast.jobs, forecast.curve) == (FEWEST - 1, "")


def test_closer_likeness_is_preferred_where_it_has_enough(app, monday):
    history(FEWEST, minutes=range(1000, 1100), family="smartphone")
    history(FEWEST, minutes=range(10, 110), family="laptop")
    repair = factories.repair()

    catch_up()

    forecast = db.session.get(Forecast, outlook_of(repair).forecast_id)
    assert (forecast.basis, forecast.jobs, forecast.family) == ("family", FEWEST, "smartphone")


def test_forecast_leaves_the_repair_as_it_was(app, monday):
    history()
    repair = factories.repair()
    version, updated = repair.version, repair.updated_at

    catch_up()

    db.session.refresh(repair)
    assert (repair.version, repair.updated_at) == (version, updated)
    assert (
        db.session.scalar(select(func.count()).select_from(Event).where(Event.aggregate == f"repair:{repair.id}")) == 1
    )


def test_forecast_of_an_event_is_made_once(app, monday):
    history()
    repair = factories.repair()

    for _ in range(2):
        forecasts.foresee(repair, status="received", version=1, at=MONDAY)
    db.session.commit()

    assert db.session.scalar(select(func.count()).where(Forecast.repair_id == repair.id)) == 1


def test_work_done_settles_its_promises_in_opening_minutes(app, monday):
    repair = factories.repair(State.QUALITY_CHECK)
    catch_up()

    monday.move_to(MONDAY + timedelta(days=1))
    move(repair, State.READY)
    catch_up()

    (forecast,) = db.session.scalars(select(Forecast).where(Forecast.repair_id == repair.id))
    assert (forecast.ready_at, forecast.minutes) == (MONDAY + timedelta(days=1), 570)
    assert outlook_of(repair) is None


def test_cancelled_repair_is_no_example(app, monday):
    repair = factories.repair()
    catch_up()

    move(repair, State.CANCELLED)
    catch_up()

    (forecast,) = db.session.scalars(select(Forecast).where(Forecast.repair_id == repair.id))
    assert (forecast.ready_at, forecast.minutes, forecast.withdrawn_at) == (None, None, MONDAY)
    assert outlook_of(repair) is None


def test_warranty_return_is_foreseen_as_a_job_of_its_own(app, monday):
    repair = factories.repair(State.READY)
    move(repair, State.COLLECTED)
    move(repair, State.WARRANTY_RETURN)

    catch_up()

    assert db.session.get(Forecast, outlook_of(repair).forecast_id).status == "warranty_return"


def test_what_the_customer_saw_first_stays_on_record(app, monday):
    history(100, minutes=range(10, 1010, 10))
    history(100, status="awaiting_parts", minutes=range(2000, 3000, 10))
    repair = factories.repair()
    catch_up()
    told = outlook_of(repair).told_at

    move(repair, State.AWAITING_PARTS)
    catch_up()

    assert outlook_of(repair).told_at == told < outlook_of(repair).safe_at


def test_refresh_looks_again_when_the_likely_date_has_passed(app, monday):
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair()
    catch_up()
    first = outlook_of(repair).forecast_id

    monday.move_to(datetime(2026, 11, 24, 10, 0, tzinfo=UTC))
    assert forecasts.refresh() == 1

    outlook = outlook_of(repair)
    again = db.session.get(Forecast, outlook.forecast_id)
    assert outlook.forecast_id != first
    # 570 minutes have passed: 43 of the hundred took longer.
    assert (again.turn, again.jobs) == (1, 43)
    assert datetime(2026, 11, 24, 10, 0, tzinfo=UTC) < outlook.likely_at < outlook.safe_at
    assert forecasts.refresh() == 0


def test_refresh_without_anything_like_it_left_says_so(app, monday):
    history(FEWEST, minutes=range(10, 50))
    repair = factories.repair()
    catch_up()

    monday.move_to(MONDAY + timedelta(days=3))
    forecasts.refresh()

    assert outlook_of(repair).likely_at is None


def test_branch_that_never_opens_promises_nothing(app, monday):
    history()
    repair = factories.repair()
    never = OpeningHours(LONDON, ((),) * 7)

    foreseen = forecasts._foresee(
        forecasts.Point("received"), location_id=repair.location_id, hours=never, at=MONDAY, load=1
    )

    assert (foreseen.likely_at, foreseen.safe_at) == (None, None)
    assert forecasts.stalls_at(never, "received", MONDAY) is None


def test_levels_are_learned_from_how_promises_ended(app, monday):
    """All took twice as long as foreseen: from then on more is promised."""
    other = factories.repair()
    curve = [10 * place for place in range(1, 20)]
    for number in range(150):
        made = MONDAY - timedelta(days=30, minutes=-number)
        db.session.add(
            Forecast(repair_id=other.id, version=100 + number, location_id=other.location_id, made_at=made,
                     status="received", minutes=380, ready_at=made + timedelta(days=1), curve=str(curve),
                     likely_at=made + timedelta(minutes=100), safe_at=made + timedelta(minutes=150))
        )  # fmt: skip
    db.session.commit()
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair()

    catch_up()

    kept = db.session.scalars(select(PromiseLevels)).one()
    assert kept.level90 > 1
    assert outlook_of(repair).safe_at > datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def test_second_reading_of_the_log_finds_nothing(app, monday):
    factories.repair()
    assert catch_up() == 1
    assert not forecasts.has_work()

    assert catch_up() == 0


def test_move_that_is_taken_back_ends_no_promise(app, monday):
    repair = factories.repair(State.QUALITY_CHECK)
    catch_up()
    move(repair, State.READY)
    catch_up()

    locked = repairs.lock_repair(repair.number)
    locked.enter(State.QUALITY_CHECK, at=MONDAY)
    record("repair.move_undone", locked, actor=OWNER, body={"from": "ready", "to": "quality_check"})
    db.session.commit()
    catch_up()

    forecasts_of = select(Forecast.ready_at, Forecast.minutes).where(Forecast.repair_id == repair.id)
    assert db.session.execute(forecasts_of).all() == [(None, None), (None, None)]
    assert outlook_of(repair) is not None


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ((23, 10, 0), (23, 11, 30), 90),
        ((23, 18, 0), (24, 9, 30), 60),
        ((28, 18, 0), (30, 9, 30), 60),
        ((29, 10, 0), (29, 18, 0), 0),
        ((24, 10, 0), (23, 10, 0), 0),
    ],
)
def test_minutes_between_counts_opening_time(start, end, minutes):
    hours = OpeningHours(LONDON, WEEK)
    first, last = (datetime(2026, 11, *moment, tzinfo=UTC) for moment in (start, end))

    assert hours.minutes_between(first, last) == minutes


def test_minutes_between_counts_the_hour_that_is_there_twice():
    night = OpeningHours(LONDON, (((time(0), time(6)),),) * 7)

    assert night.minutes_between(datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)) == 420


@pytest.mark.parametrize(
    ("clock", "rounded"),
    [("10:00", "10:00"), ("10:01", "10:15"), ("18:16", "18:30"), ("18:30", "18:30")],
)
def test_promises_are_told_in_quarters_of_an_hour(clock, rounded):
    hours = OpeningHours(LONDON, WEEK)
    moment = datetime.fromisoformat(f"2026-11-23T{clock}:00+00:00")

    assert hours.on_the_quarter(moment).strftime("%H:%M") == rounded

"""The staff's socket: a door like any other, so every event asks again who is there and what they may.

It carries numbers of tickets, positions and colleagues' names, never HTML and nothing of customers.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from flask import Flask, current_app, request, session
from flask_socketio import ConnectionRefusedError, join_room
from sqlalchemy.exc import IntegrityError

from shop import database
from shop.extensions import db, socketio
from shop.models.permissions import may
from shop.models.staff import initials
from shop.services import live, presence, relay, staff

log = structlog.get_logger(__name__)

PERMISSION = "repair.view"
SWEEP_SECONDS = 1.0
BURST, PER_SECOND = 30, 5
MOST_WATCHED = 20
_FIELD = re.compile("[a-z_]{0,40}")
_NUMBER = re.compile("[A-Za-z0-9-]{1,16}")


@dataclass(slots=True)
class Connection:
    """One open socket: whose it is, which tickets it shows (number -> repair id), how many events it may send now."""

    token: str
    signed_in: staff.SignedIn
    watched: dict[str, int] = field(default_factory=dict)
    allowance: float = field(default_factory=lambda: BURST)
    counted_at: float = field(default_factory=time.monotonic)

    def spend(self) -> bool:
        """False when it sends faster than a person works."""
        now = time.monotonic()
        self.allowance = min(BURST, self.allowance + (now - self.counted_at) * PER_SECOND)
        self.counted_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True


class Rejected(Exception):
    """The event is ignored; the code goes back in its acknowledgement."""


_connections: dict[str, Connection] = {}
_guard = threading.Lock()
_sweeper: "_Sweeper | None" = None


def init_app(_app: Flask) -> None:
    socketio.on_event("connect", _connect)
    socketio.on_event("disconnect", _disconnect)
    for name, handler in {"watch": _watch, "unwatch": _unwatch, "typing": _typing}.items():
        socketio.on_event(name, _event(handler))


def close_all() -> None:
    """Cuts every socket of this process below Socket.IO, so that the browsers come back by themselves."""
    for sid in list(socketio.server.eio.sockets):
        socketio.server.eio.disconnect(sid)


def _connect(_auth=None) -> None:
    database.mark_reading(True)
    token = session.get("_user_id")
    signed_in = staff.find_signed_in(token) if isinstance(token, str) else None
    if signed_in is None or not may(signed_in.role, PERMISSION):
        raise ConnectionRefusedError("signed_out")
    with _guard:
        _connections[request.sid] = Connection(token, signed_in)
    for room in (live.STAFF_ROOM, f"user:{signed_in.staff_id}", f"role:{signed_in.role}"):
        join_room(room)
    # After joining: what happens between the two is announced, not missed.
    socketio.emit("hello", {"position": relay.head()[0], "you": signed_in.staff_id}, to=request.sid)
    for number, here in presence.everyone().items():
        socketio.emit("presence", _presence(number, here), to=request.sid)
    _start_sweeper()


def _disconnect(_reason=None) -> None:
    database.mark_reading(False)
    with _guard:
        connection = _connections.pop(request.sid, None)
    if connection is not None:
        _forget(connection)


def _watch(connection: Connection, payload: dict) -> None:
    if len(connection.watched) >= MOST_WATCHED:
        raise Rejected("too_many")
    _note(connection, _number(payload), "")


def _typing(connection: Connection, payload: dict) -> None:
    number, name = _number(payload), payload.get("field", "")
    if not isinstance(name, str) or not _FIELD.fullmatch(name):
        raise Rejected("bad_field")
    if number not in connection.watched:
        raise Rejected("not_watched")
    _note(connection, number, name)


def _unwatch(connection: Connection, payload: dict) -> None:
    number = _number(payload)
    repair_id = connection.watched.pop(number, None)
    if repair_id is not None:
        _leave(connection, number, repair_id)


def _event(handler: Callable) -> Callable:
    """Every event passes here: known socket, living sign-in, right, rate and form, and never an exception."""

    def run(*payload):
        database.mark_reading(False)
        try:
            handler(_checked(), _dictionary(payload))
        except Rejected as rejected:
            return {"error": str(rejected)}
        except Exception:
            db.session.rollback()
            log.warning("socket_event_failed", exc_info=True)
            return {"error": "failed"}
        return {"ok": True}

    return run


def _checked() -> Connection:
    connection = _connections.get(request.sid)
    if connection is None:
        raise Rejected("signed_out")
    if not connection.spend():
        raise Rejected("slow_down")
    with database.reading():
        signed_in = staff.find_signed_in(connection.token)
        db.session.rollback()
    if signed_in is None or signed_in.role != connection.signed_in.role or not may(signed_in.role, PERMISSION):
        socketio.server.disconnect(request.sid)
        raise Rejected("signed_out")
    return connection


def _dictionary(payload: tuple) -> dict:
    if len(payload) != 1 or not isinstance(payload[0], dict):
        raise Rejected("bad_payload")
    return payload[0]


def _number(payload: dict) -> str:
    number = payload.get("number")
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise Rejected("bad_number")
    return number.upper()


def _note(connection: Connection, number: str, field_name: str) -> None:
    repair_id = connection.watched.get(number) or presence.find_repair_id(number)
    if repair_id is None:
        raise Rejected("not_found")
    connection.watched[number] = repair_id
    try:
        presence.see(repair_id, actor=connection.signed_in.actor, field=field_name)
        db.session.commit()
    except IntegrityError:
        # Deleted while it was open.
        db.session.rollback()
        connection.watched.pop(number, None)
        raise Rejected("not_found") from None
    _tell(number, repair_id)


def _leave(connection: Connection, number: str, repair_id: int) -> None:
    if _is_elsewhere(connection, number):
        return
    presence.leave(repair_id, actor=connection.signed_in.actor)
    db.session.commit()
    _tell(number, repair_id)


def _forget(connection: Connection) -> None:
    try:
        for number, repair_id in list(connection.watched.items()):
            _leave(connection, number, repair_id)
    except Exception:
        # It expires by itself.
        db.session.rollback()
        log.warning("presence_not_left", exc_info=True)


def _is_elsewhere(connection: Connection, number: str) -> bool:
    """True if the same person shows the ticket on another socket of this process."""
    me = connection.signed_in.staff_id
    with _guard:
        others = [other for other in _connections.values() if other is not connection]
    return any(other.signed_in.staff_id == me and number in other.watched for other in others)


def _tell(number: str, repair_id: int) -> None:
    with database.reading():
        here = presence.who_is_here([repair_id]).get(repair_id, [])
        db.session.rollback()
    socketio.emit("presence", _presence(number, here), to=live.STAFF_ROOM)


def _presence(number: str, here: list[tuple[int, str, str]]) -> dict:
    people = [{"id": key, "name": name, "initials": initials(name), "field": typed} for key, name, typed in here]
    return {"number": number, "people": people}


def _start_sweeper() -> None:
    global _sweeper
    app = current_app._get_current_object()
    with _guard:
        if _sweeper is None or not _sweeper.is_alive() or _sweeper.app is not app:
            _sweeper = _Sweeper(app)
            _sweeper.start()


class _Sweeper(threading.Thread):
    """One a process, begun with its first socket."""

    def __init__(self, app: Flask):
        super().__init__(name="socket-sweeper", daemon=True)
        self.app, self.beat_at = app, time.monotonic()

    def run(self) -> None:
        while _sweeper is self:
            time.sleep(SWEEP_SECONDS)
            try:
                with self.app.app_context():
                    self._look()
            except Exception:
                log.warning("socket_sweep_failed", exc_info=True)

    def _look(self) -> None:
        sweep()
        if time.monotonic() >= self.beat_at:
            self.beat_at = time.monotonic() + presence.BEAT.total_seconds()
            beat()


def sweep() -> None:
    """Hangs up on everyone whose sign-in has ended, who is disabled, or whose role is another now."""
    with _guard:
        open_now = list(_connections.items())
    if not open_now:
        return
    with database.reading():
        living = staff.living_sign_ins([connection.signed_in.sign_in_id for _, connection in open_now])
        db.session.rollback()
    for sid, connection in open_now:
        if living.get(connection.signed_in.sign_in_id) != connection.signed_in.role:
            socketio.server.disconnect(sid)


def beat() -> None:
    """Keeps those who are here present, and tells of those who vanished without a word."""
    with _guard:
        open_now = list(_connections.values())
    presence.beat(
        (repair_id, connection.signed_in.staff_id)
        for connection in open_now
        for repair_id in list(connection.watched.values())
    )
    gone = presence.forget_expired()
    db.session.commit()
    for repair_id, number in gone:
        _tell(number, repair_id)

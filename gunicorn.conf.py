"""How the web process is served: `gunicorn` in this folder needs no other argument."""

import contextlib
import signal
import threading

from sqlalchemy.exc import SQLAlchemyError

from shop import background
from shop.admin import sockets
from shop.config import load_settings
from shop.services import catalogue

settings = load_settings()

wsgi_app = "wsgi:app"
bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
worker_class = "gthread"
# Each open socket holds a thread. Without Redis one process knows all sockets and runs all jobs.
threads = settings.THREADS
workers = 1 if settings.is_embedded else settings.WEB_PROCESSES
# Two hundred pasted numbers stand in an address.
limit_request_line = 8190
timeout = 60
graceful_timeout = 10
keepalive = 5
control_socket_disable = True


def post_worker_init(worker):
    app = worker.wsgi
    # So that the first visitor does not wait for the search index; without a database the page will say so.
    with app.app_context(), contextlib.suppress(SQLAlchemyError):
        catalogue.device_index()
    worker.stop_background = background.start_embedded(app) if settings.is_embedded else lambda: None
    signal.signal(signal.SIGTERM, lambda *received: _leave(worker, *received))


def worker_exit(_server, worker):
    getattr(worker, "stop_background", lambda: None)()


def _leave(worker, number, frame):
    # Open sockets would hold the process until it is killed; browsers come back to the next one.
    threading.Thread(target=sockets.close_all, daemon=True).start()
    worker.handle_exit(number, frame)

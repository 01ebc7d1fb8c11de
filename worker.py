"""A background worker: `python worker.py`. Any number of them may run, on any number of machines."""

from shop import create_app, jobs
from shop.config import ConfigError, load_settings

if __name__ == "__main__":
    settings = load_settings()
    if settings.is_embedded:
        raise ConfigError("Cannot start: REDIS_URL is missing. Without Redis the web process does this work itself.")
    jobs.run_worker(create_app(settings))

"""The simulator alone: `python -m shop.simulator --port 4010 --data simulator-data --shop http://127.0.0.1:8000`."""

import argparse
import json
import secrets
import sys
from pathlib import Path

from werkzeug.serving import run_simple

from shop.simulator import create_simulator
from shop.simulator.store import new_code

KEYS_FILE = "simulator-keys.json"


def main(arguments: list[str] | None = None) -> None:
    options = _parse(arguments)
    folder = Path(options.data)
    keys = load_or_make_keys(folder)
    app = create_simulator(folder / "simulator.db", shop_url=options.shop, **keys)
    sys.stdout.write(f"Stripe and PayPal simulated at http://{options.host}:{options.port}\n")
    sys.stdout.writelines(f"{name.upper()}={value}\n" for name, value in keys.items())
    sys.stdout.flush()
    run_simple(options.host, options.port, app, threaded=True)


def load_or_make_keys(folder: Path) -> dict[str, str]:
    """The keys that were made when the simulator first ran in this folder."""
    path = folder / KEYS_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(_new_keys(), indent=2))
    return json.loads(path.read_text())


def _new_keys() -> dict[str, str]:
    return {
        "stripe_secret_key": f"sk_test_{secrets.token_hex(16)}",
        "stripe_publishable_key": f"pk_test_{secrets.token_hex(16)}",
        "stripe_webhook_secret": f"whsec_{secrets.token_hex(16)}",
        "paypal_client_id": f"A{secrets.token_hex(20)}",
        "paypal_client_secret": f"E{secrets.token_hex(20)}",
        "paypal_webhook_id": new_code(),
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shop.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--data", default="simulator-data", help="where its file and keys are kept")
    parser.add_argument("--shop", default="", help="the shop's address, which is told of events")
    return parser.parse_args(arguments)

"""The simulator comes with the shop, and goes when real money does."""

from shop import create_app
from shop.config import load_settings

LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}


def test_the_simulator_answers_below_its_path_and_only_to_our_keys(stranger, app):
    path, key = "/simulator/v1/payment_intents", app.config["SETTINGS"].STRIPE_SECRET_KEY

    assert stranger.get(path).status_code == 401
    assert stranger.get(path, headers={"Authorization": f"Bearer {key}"}).json["object"] == "list"
    assert (app.config["SETTINGS"].SHOP_DATA / "simulator.db").exists()


def test_with_real_payments_there_is_no_simulator(tmp_path):
    settings = load_settings(
        SHOP_DATA=tmp_path, LOG_LEVEL="ERROR", DATABASE_URL="", ENABLE_REAL_PAYMENTS=True, COMPANY_NAME="Acme Ltd",
        COMPANY_ADDRESS="1 High Street", **LIVE,
    )  # fmt: skip

    answer = create_app(settings).test_client().get("/simulator/v1/payment_intents")

    assert answer.status_code == 404
    assert not (tmp_path / "simulator.db").exists()

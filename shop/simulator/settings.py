"""What is settable about the two companies, and how one of them is told about the shop."""

from dataclasses import dataclass
from pathlib import Path

DAY = 86_400


@dataclass(frozen=True, kw_only=True, repr=False)
class SimulatorSettings:
    """Amounts in minor units, times in seconds, fees in basis points and minor units.

    `shop_url` may be empty: then nobody is told of anything until an endpoint is registered through the API.
    `public_url` is where a browser finds the simulator; empty means "where the request came in".
    """

    path: Path
    shop_url: str
    stripe_secret_key: str
    stripe_publishable_key: str
    stripe_webhook_secret: str
    paypal_client_id: str
    paypal_client_secret: str
    paypal_webhook_id: str
    stripe_webhook_path: str = "/api/v1/payments/stripe/webhooks"
    paypal_webhook_path: str = "/api/v1/payments/paypal/webhooks"
    public_url: str = ""
    stripe_fee_bp: int = 150
    stripe_fee_fixed: int = 20
    paypal_fee_bp: int = 290
    paypal_fee_fixed: int = 30
    dispute_fee: int = 2000
    dispute_days: int = 9
    authorisation_seconds: int = 7 * DAY
    refund_seconds: int = 5
    echeck_seconds: int = 5
    approval_seconds: int = 3 * 3600
    # An order that no payer agreed to is not known any more after this.
    order_seconds: int = 3 * 3600
    token_seconds: int = 32_400
    retry_seconds: tuple[float, ...] = (1, 5, 30, 120, 600, 3600)
    delivery_timeout: float = 10
    senders: int = 2

    @property
    def control_key(self) -> str:
        """Who may bend the simulator's rules: whoever may take money with it."""
        return self.stripe_secret_key

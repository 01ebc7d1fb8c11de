"""The demo shop: years of invented repairs, told from real records."""

from shop.services.demo.busy_shop import Filled, fill, has_repairs
from shop.services.demo.people import PASSWORD

__all__ = ["PASSWORD", "Filled", "fill", "has_repairs"]

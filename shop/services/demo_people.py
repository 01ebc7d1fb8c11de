"""The former place of `shop.services.demo.PASSWORD`."""

from shop.services.demo import PASSWORD

__all__ = ["PASSWORD"]

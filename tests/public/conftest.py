from tests.payments import iphone, simulator, till, verbs  # noqa: F401

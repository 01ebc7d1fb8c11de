"""Payments: attempts, what providers say of them, refunds, webhooks, and the daily comparison."""

"""Payments: intents that buyers pay, their events, and refunds.

A buyer's request enters at `intents`, an event of Stripe at `handlers`, an outbox row at
`refunds`. Each leaves by one call in `repository`.
"""

"""Payouts: the Connect accounts of sellers, transfers to them, and reversals.

A seller's request enters at `onboarding`, an event of Stripe at `handlers`, an outbox row at
`transfers`. Each leaves by one call in `repository`.
"""

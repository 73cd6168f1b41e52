"""Verify who people are, by sessions of Stripe Identity.

A person's request enters at `verification`, an event of Stripe at `handlers`, an outbox row at
`redaction`. Each leaves by one call in `repository`. Nothing from a document is stored or logged.
"""

"""Verify who people are, by sessions of Stripe Identity.

Nothing from a document is stored or logged. Whether a person may bid or sell, SQL decides.
"""

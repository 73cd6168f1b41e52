"""Stripe's objects, one kind per module. A function answers an operation of the API.

An operation reads all its parameters, calls `finish`, and only then changes anything. It returns
the object, or raises a `StripeError`, or returns an `Answer`: an error whose changes are kept.
"""

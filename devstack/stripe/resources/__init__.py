"""Stripe's objects, a module each; an operation of the API is a function here.

An operation reads all its parameters, closes them with `finish`, and only then changes anything. It
returns the object, raises a `StripeError`, or returns an `Answer` that is kept although it failed.
"""

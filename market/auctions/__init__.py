"""Timed sales: activate, close and broadcast them when they are due.

SQL alone decides about bids and winners. This package only calls it at the right time.
"""

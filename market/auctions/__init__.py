"""Timed sales: activate, close and broadcast them when they are due.

SQL alone decides about bids and winners. This package only asks it to, at the right time.
"""

"""Timed sales: starting and closing them when it is time, and telling watchers how long is left.

What a bid does is SQL alone, and so is who wins; here is only when to ask.
"""

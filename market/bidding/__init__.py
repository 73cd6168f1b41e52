"""Bidding: the bid of a user whose app calls our service instead of Supabase.

SQL decides everything; this package passes the call on with the user's own token.
"""

"""Notifications of a user: SQL writes them, and our service lists them and marks them as read."""

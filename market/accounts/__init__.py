"""Accounts: the deletion of a user.

SQL anonymises the profile in one transaction; then Auth deletes its user. The service begins, at
a request of the user, and the reconcile job goes on where Auth did not answer. Sign-up and profiles
are SQL alone.
"""

"""Supabase Auth for e-mail addresses, passwords and authenticator apps.

It serves the paths of GoTrue below `/auth/v1` from the tables of schema `auth`. Its transactions
have the role of hosted Auth, so a trigger on `auth.users` has the same rights and search_path here.
No mail is sent: the control API shows the code and the link of each mail. A sign-up counts as
confirmed unless the stack runs with --production-auth. Auth refuses a feature that the project has
not configured or that devstack does not have, and names it.

A request enters by `routes`, which calls a handler with an `AuthContext`. The handler returns a
response that `response` builds.
"""

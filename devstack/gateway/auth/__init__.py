"""Supabase Auth as far as e-mail and password go: users, sessions, tokens.

It serves what GoTrue serves below `/auth/v1`, from the tables of schema `auth`, as the role that
owns them on hosted Supabase too. So a trigger on `auth.users` runs here with the rights and the
search_path it has there. What a project has not configured, or this stack does not do, is refused
by name.

`routes` is the table of paths · `sign_in`, `account` and `admin` answer them · `caller` says who
asks · `users`, `sessions` and `passwords` keep what there is · `bodies`, `answers` and `errors`
are its forms on the wire.
"""

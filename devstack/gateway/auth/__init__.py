"""Supabase Auth as far as e-mail, password and authenticator apps go: users, sessions, tokens.

It serves what GoTrue serves below `/auth/v1`, from the tables of schema `auth`, as the role that
owns them on hosted Supabase too. So a trigger on `auth.users` runs here with the rights and the
search_path it has there. No mail is sent: the control API shows the code and the link of each mail.
Sign-ups are taken as confirmed unless the stack runs with --production-auth. What a project has not
configured, or this stack does not do, is refused by name.

A request enters by `routes`; its handler gets an `AuthContext` and answers with `answers`.
"""

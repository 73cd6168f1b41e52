"""Supabase Auth as far as e-mail, password and authenticator apps go: users, sessions, tokens.

It serves what GoTrue serves below `/auth/v1`, from the tables of schema `auth`, as the role that
owns them on hosted Supabase too. So a trigger on `auth.users` runs here with the rights and the
search_path it has there. No mail is sent: the control API shows the code and the link of each mail.
Sign-ups are taken as confirmed unless the stack runs with --production-auth. What a project has not
configured, or this stack does not do, is refused by name.

`routes` is the table of paths; all of them work at one `desk`, by the project's `settings`.

- They are answered by `sign_in`, `unconfirmed`, `passwordless`, `account`, `mfa`, `mails` and
  `verification` for users, `admin`, `admin_factors` and `admin_links` for the office, `public` for
  everybody, and `disabled`.
- `caller` says who asks · `tokens` what a session is told to its client.
- `users`, `changes`, `sessions`, `factors`, `one_time_tokens`, `passwords` and `totp` keep what
  there is, `stored_json` what a client's JSON may bring into a row.
- `bodies`, `answers`, `redirects` and `errors` are its forms on the wire.
"""

"""A fake Stripe that keeps state, signs its webhooks and answers the real client libraries.

It has the part of Stripe that a marketplace on card payments uses, and says so where it has not:
an unknown path or parameter is an error that names it, never a guess. It knows no real money, and
listens on loopback only.

A request's way: `app` (which path) → `api` with `access` (who calls?) and `forms` (with what?) →
`idempotency` (was it answered before?) → `routes` (which operation) → one module of `resources`,
which reads `params` and `lists` and works inside one `transaction` → `expansion` → the answer, or
one of the `errors`. `store` is the memory. What is in connected accounts is kept apart from ours,
money too (`resources.books`).

What a change tells the world is an event of the same transaction; `delivery`, woken by its `bell`,
brings it to the endpoints and writes down in `delivery_log` what came of it. What is to happen some
time `later` is done in the `background`.

`control` is for tests and the demo: it looks behind the scenes, causes the trouble of `plan`, and
does what others do: buyers and banks (`outside`), sellers (`outside_connect`), who have the
`onboarding_page` too. `fake` is the whole, made of a `config` and served by `__main__`; its work
beside the requests are `tasks`, which do not die in silence.
"""

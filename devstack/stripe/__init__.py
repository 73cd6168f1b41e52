"""A fake Stripe that keeps state, signs its webhooks and answers the real client libraries.

It has the part of Stripe that a marketplace on card payments uses, and says so where it has not:
an unknown path or parameter is an error that names it, never a guess. It knows no real money, and
listens on loopback only.

A request's way: `app` (who calls, with what) → `idempotency` (was it answered before?) → `routes`
(which operation) → one module per resource, inside one `Transaction` → `expansion` → the answer.
What is in connected accounts is kept apart from ours, money too (`resources.books`).
What a change tells the world is an event of the same transaction; `delivery` brings it to the
endpoints. `control` is for tests and the demo: it looks behind the scenes and causes trouble.
"""

"""A fake Stripe that keeps state, signs its webhooks and answers the real client libraries.

It has the part of Stripe that a marketplace on card payments uses. An unknown path or parameter is
an error that names it. The server moves no real money and listens on loopback only.

`app` receives a request. `api` checks the API key and the idempotency key, then calls an operation
of `resources` inside one `transaction`. A change queues events in the same transaction; `delivery`
sends them to the webhook endpoints. `control` is the API for tests and the demo, and `hosted_pages`
are the pages that people open in a browser; both perform the actions of `third_parties`.
"""

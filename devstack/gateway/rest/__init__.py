"""PostgREST, as far as the two official clients and their documentation use it.

A request walks through the files in this order. `routes` reads HTTP, `request` the head of it with
`preferences` and `media`; `handlers` knows what method and path mean. The query is parsed by
`filters`, `grammar` and `ranges` into the plain values of `query`, arguments and rows are read by
`calls`, `rows` and `payload`. `reads`, `writes` and `functions` plan one SQL statement of them with
what `schema_cache` knows. `run` executes it in one transaction as the caller whom `sessions`
describes, and commits when `checks` agrees. `answers` and `errors` say what came of it. JSON is
built by Postgres and its bytes are passed on.
"""

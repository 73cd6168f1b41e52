"""PostgREST, as far as the two official clients and their documentation use it.

A request is parsed, planned, run and answered, in files that it walks through in this order.

- `routes` reads HTTP, `request` the head of it with `preferences`, `timezones` and `media`;
  `handlers` knows what method and path mean, and `allowed` what an OPTIONS request is told.
- Parse: a query becomes the plain values of `query` by `filters`, `grammar` and `ranges`; arguments
  and rows are read by `calls`, `rows`, `puts` and `payload`.
- Plan: `reads`, `writes` and `functions` make one SQL `statement` of them. `planner` puts a select
  together: its `items`, its `conditions`, and the embeds in it (`children`), for each of which
  `embeds` finds the relationship. What is not there gets the hints of `guesses`.
- Run: `run` executes it in one transaction as the caller whom `sessions` describes, and commits
  when `checks` agrees.
- Answer: `answers` and `errors` say what came of it. JSON is built by Postgres and its bytes are
  passed on.

All of them know the database by `schema_cache`. `live_schema` keeps it new: `introspection` reads
it by the questions of `catalogue`, and `relationships` follows keys through views and junctions.
The cache includes PostgREST's in-database settings, which `configuration` reads.
"""

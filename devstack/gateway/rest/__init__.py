"""PostgREST, as far as the two official clients and their documentation use it.

A request walks through the files in this order: `routes` reads HTTP, `grammar` and `filters` parse
its query into the plain values of `query`, `planner`, `writes` and `functions` make one SQL
statement of them with what `schema_cache` knows, `run` executes it in one transaction as the
caller's role, `answers` and `errors` say what came of it. JSON is built by Postgres and its bytes
are passed on.
"""

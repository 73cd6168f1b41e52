"""PostgREST, as far as the two official clients and their documentation use it.

A request enters at `routes`; `handlers` takes it through each phase once. `api_request` parses it,
`plan` makes one SQL statement of it with `query`, `transaction` runs the statement as the caller,
and `response` makes the HTTP response. Postgres builds the JSON, whose bytes are passed on.

The planner knows the database from `schema_cache`, and `errors` is the table of statuses. Folders
and names are PostgREST's own.
"""

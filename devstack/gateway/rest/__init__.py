"""The part of PostgREST that the two official clients and their documentation use.

A request enters at `routes`; `handlers` takes it through each phase once. `api_request` parses it,
`plan` makes one SQL statement of it with `query`, `transaction` runs the statement as the caller,
and `response` makes the HTTP response. Postgres builds the JSON, whose bytes are sent unchanged.

The planner looks up tables and functions in `schema_cache`. `errors` is the table of error codes
and their statuses. Folders and names are PostgREST's own.
"""

"""PostgREST, as far as the two official clients and their documentation use it.

A request enters at `routes` and passes each phase once. `api_request` parses it, `plan` writes one
SQL statement for it, `transaction` runs the statement as the caller, `response` makes the HTTP
answer. `handlers` chooses the phases' functions by method and path.

All phases know the database from `schema_cache`. Postgres builds the JSON; its bytes are passed on.
`errors` holds the status of each PGRST code. Folders and names are PostgREST's own.
"""

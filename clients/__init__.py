"""The types of our API for the web app: `database.types.ts`, and the answers that it cannot read.

Postgres knows the columns of each table, but an RPC returns jsonb. `answers.py` states what is in
it, once. `make types` writes both into one TypeScript file, and the tests compare the statements
with every answer that a user gets in them.
"""

"""The tables, relationships and functions of the exposed schemas, read from the catalogue.

The introspection runs with an empty search path, so Postgres qualifies every name. It locks no
relation of the project, because DDL may hold a lock for long, and would have to wait for ours.
"""

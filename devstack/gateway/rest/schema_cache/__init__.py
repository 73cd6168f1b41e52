"""The exposed schemas: read from the catalogue, and again on NOTIFY pgrst.

The introspection runs under an empty search path, so its answers qualify every name. It locks no
relation of the project: DDL may hold its lock for long, and may wait for ours.
"""

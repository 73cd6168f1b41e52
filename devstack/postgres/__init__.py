"""A private PostgreSQL server: its programs, its cluster and the schema of its databases.

`Cluster.start` starts a server on a new or existing cluster. `build_database` and `extend_database`
put the roles and schemas of hosted Supabase (`baseline/`) into a database, then `sql/` or the
migrations.
"""

"""Realtime, as Supabase's clients speak it: Postgres Changes, Broadcast and Presence.

Down the path of a row: `wal` reads the log, which Postgres streams (`replication`), and `pgoutput`
decodes it. `changes` finds the receivers of a row: the subscribers (`subscriptions`, checked by
`admission`) whose `filters` match and who may see it (`visibility`). It reads the catalog
(`tables`), makes JSON of the values (`evaluation`) and messages of the changes (`events`).
`database_broadcasts` sends the messages that realtime.send wrote.

Down the path of a client: `routes` lets it in (`identity`), a `connection` reads its `frames`, and
each `channel` it joins is an actor: `joining` is what it asks for, `entry` what it has to pass,
`authorization` the policies of private topics, and `speech` what its client says. The `hub` knows
who is on which topic, `presence` who says so, and `http_broadcast` speaks for those who hold no
socket. `services` is what all of them share, `session` their way to the database, and `mood` how
they fail on a test's command.
"""

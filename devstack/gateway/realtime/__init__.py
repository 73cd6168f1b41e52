"""Realtime, as Supabase's clients speak it: Postgres Changes, Broadcast and Presence.

A row: `wal` reads the log, which Postgres streams (`replication`), and `pgoutput` decodes it.
`changes` finds the subscribers whose filters match and who may see the row, and sends each of them
a message.

A client: `routes` checks its key, a `UserSocket` reads its frames, and each `Channel` that it joins
serves them in order. `pubsub` knows which channels are on a topic.
"""

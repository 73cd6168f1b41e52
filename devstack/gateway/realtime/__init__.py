"""Realtime, as Supabase's clients speak it: Postgres Changes, Broadcast and Presence.

Down the path of a row: `wal` polls the log, `pgoutput` decodes it, `changes` finds out for whom it
is (`subscriptions`, `filters`, `tables`, `evaluation`, `visibility`) and says it as JSON
(`events`); `database_broadcasts` does the same for rows that realtime.send wrote. Down the path of
a client: `routes` lets it in, `connection` reads its `frames`, each `channel` it joins is an actor,
and the `hub` knows who is on which topic.
"""

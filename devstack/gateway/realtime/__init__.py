"""Supabase Realtime: Postgres Changes, Broadcast and Presence over WebSockets.

A client enters by `routes`, which checks its API key. A `UserSocket` reads its frames, and each
`Channel` that it joins handles its frames in order. `pubsub` knows the channels on each topic.

A changed row enters by `replication`, which streams the write-ahead log (WAL) of Postgres, and
`pgoutput` decodes it. `changes` finds the subscriptions whose filters match and whose caller may
see the row, and sends a message to each of their channels.
"""

"""One port that speaks what the clients of Supabase speak; one package per service.

The services are `rest`, `auth`, `storage` and `realtime`. `app` puts them together, `__main__`
serves them. They share the configuration and the pools of `context`; `caller` says who asks,
`session` what the database is told of it, `text` how SQL quotes, and `header` what may stand in an
answer's head. On a test's command, which `control` takes, all of them get into the trouble of
`faults`.
"""

"""One port that speaks what the clients of Supabase speak; one package per service.

`app` puts them together, `context` is what they share, and `caller` says who asks. On a test's
command, which `control` takes, all of them get into the trouble of `faults`.
"""

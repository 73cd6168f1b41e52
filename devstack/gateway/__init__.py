"""One port that speaks what the clients of Supabase speak; one package per service.

`app` puts the services `rest`, `auth`, `storage` and `realtime` together, and `__main__` serves
them. All of them share the configuration and the database pools of `context`. A request passes the
faults that a test has commanded (`faults`), then its service.
"""

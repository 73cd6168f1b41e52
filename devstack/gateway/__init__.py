"""A server with the APIs of Supabase on one port; each service has a package.

`app` puts the services `rest`, `auth`, `storage` and `realtime` together, and `__main__` serves
them. All of them share the configuration and the database pools of `context`. A request first
passes `faults`, which applies the faults that a test has added by the API of `control`.
"""

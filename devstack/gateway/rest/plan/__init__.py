"""The plan of a request: its relations and functions, resolved, in one SQL statement."""

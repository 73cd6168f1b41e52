"""Plan a request: find its relations and functions, and write one SQL statement for it."""

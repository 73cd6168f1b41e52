"""The parsed request: its head, query string and payload as plain values, free of SQL."""

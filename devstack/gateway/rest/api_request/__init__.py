"""Parse a request: its head, query string and body become plain values, free of SQL."""

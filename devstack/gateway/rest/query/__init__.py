"""Build SQL text: fragments of one relation, and the statement that a request runs."""

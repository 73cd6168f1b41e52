"""SQL text: fragments for one relation, and the statement that a request runs."""

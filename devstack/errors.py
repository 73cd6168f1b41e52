"""How devstack says that it cannot go on."""


class DevstackError(Exception):
    """One sentence for the person at the terminal; it needs no traceback."""

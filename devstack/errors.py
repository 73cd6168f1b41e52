"""The error that ends a command of devstack."""


class DevstackError(Exception):
    """An error whose one sentence the terminal shows without a traceback."""

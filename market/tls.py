"""The TLS context that the HTTP clients of a process share."""

import functools
import ssl

import httpx


@functools.cache
def context() -> ssl.SSLContext:
    """Return the context: each one takes 20 ms, because it reads all certificates anew."""
    return httpx.create_ssl_context()

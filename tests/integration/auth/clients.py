"""What the tests of Auth share: a password, and what makes clients."""

from collections.abc import Callable

from supabase import Client


PASSWORD = "correct horse"

#: Makes an official client with a session of its own, for the publishable or another key.
MakeClient = Callable[..., Client]

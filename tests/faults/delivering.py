"""Stripe's deliveries that wait for their next try."""

import httpx


def has_delivered(stripe: httpx.Client) -> bool:
    """Let Stripe try its waiting deliveries now; return true if none waits.

    `stripe` is a client of the fake Stripe's control API.
    """
    stripe.post("/deliveries/retry").raise_for_status()
    waiting = stripe.get("/deliveries", params={"state": "waiting"}).raise_for_status()
    return not waiting.json()["deliveries"]

"""Stripe's deliveries that wait for their next try."""

import httpx


#: The time between two looks in seconds. Each look costs a delivery one of its sixteen tries.
DELIVERY_LOOK_S = 0.5


def is_done_delivering(stripe: httpx.Client) -> bool:
    """Let Stripe try its waiting deliveries now; return true if none waits any more.

    A delivery whose tries have all failed does not wait. `stripe` is a client of the fake Stripe's
    control API.
    """
    stripe.post("/deliveries/retry").raise_for_status()
    waiting = stripe.get("/deliveries", params={"state": "waiting"}).raise_for_status()
    return not waiting.json()["deliveries"]

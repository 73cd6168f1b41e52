"""The code that the gateway and the fake Stripe share.

Both verify the same API keys and tokens, take the same control commands and inject the same faults.
"""

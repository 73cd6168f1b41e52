"""The code that the gateway and the fake Stripe share: faults, and the form of the control API.

API keys and JWTs are here too, because the supervisor makes them and the gateway verifies them.
"""

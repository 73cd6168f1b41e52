"""The supervisor starts the programs of a stack in order, and ends them in the opposite order.

`commands.main` reads the command line of `python -m devstack`; `Stack.run` returns when a signal
ends the stack.
"""

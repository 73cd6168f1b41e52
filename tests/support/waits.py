"""Time limits in seconds for a machine that is busy with other tests.

A test that passes rarely waits long, so a generous limit costs nothing.
"""

#: For the start of a program, which imports for two seconds of a processor's time.
START_S = 120
#: For an answer, or for an effect that follows one.
ANSWER_S = 30

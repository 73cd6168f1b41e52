"""`make demo`: the main job through the official clients, as a story with a report.

`__main__` is the command. `stack` starts a system, and `story` plays on it, with `people` in a
`room` that `watch` sees: `auction`, then `payment`. `steps` tells of each expectation, `facts` are
what came out, and `report` shows it.
"""

"""`make demo`: do the main job through the official clients, and report on it.

`command` starts a system by `stack` and hands it to `main_job`, which lets the `people` act: first
`auction`, then the two orders. Each part runs `steps`, which keep the results for `report`.
"""

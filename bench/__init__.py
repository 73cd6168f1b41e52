"""Measures what the design promises, as ratios taken in one run wherever a ratio makes sense."""

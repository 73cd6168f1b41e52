"""Measure the performance figures of the design, as ratios of one run where that makes sense."""

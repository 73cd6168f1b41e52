"""The place of the repository on this machine."""

from pathlib import Path


ROOT = Path(__file__).parents[1]

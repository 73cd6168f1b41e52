"""The counts of this process, as Prometheus would read them."""

from prometheus_client import REGISTRY


def count_of(name: str, **labels: str) -> float:
    """Return the count of `market_<name>_total` since the process started."""
    return REGISTRY.get_sample_value(f"market_{name}_total", labels) or 0

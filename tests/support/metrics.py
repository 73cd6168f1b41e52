"""The metrics of this process, in the form that Prometheus reads."""

from prometheus_client import REGISTRY


def count_of(name: str, **labels: str) -> float:
    """Return the count of `market_<name>_total` since the process started."""
    return REGISTRY.get_sample_value(f"market_{name}_total", labels) or 0


def sample(name: str, **labels: str) -> float:
    """Return a sample of `market_<name>`, or 0 before its first value."""
    return REGISTRY.get_sample_value(f"market_{name}", labels) or 0

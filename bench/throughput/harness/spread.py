"""Measured values for people."""

import statistics


def spread(values, digits=3):
    """Median, lowest and highest."""
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}..{max(values):.{digits}f})")

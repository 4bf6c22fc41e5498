"""Reading, summarising and drawing the results files of sgdsweep, on top of xarray."""

from analysis.sweep import STATUSES, open_sweep

__all__ = ["STATUSES", "open_sweep"]

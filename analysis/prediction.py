"""What a prediction is; analysis/predictions.py says how to add one."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Prediction:
    name: str
    kind: str  # "exact", "derived" or "fitted"
    statement: str  # one line: what is compared with what, and the margin
    derivation: str  # a few lines, remainder included
    rows: Callable

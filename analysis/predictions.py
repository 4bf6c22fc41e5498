"""Quantitative predictions for the model, each with its derivation, tested by `python3 -m analysis claims`.

Three kinds, never mixed:
    exact    proved, for every run: rows of runs that hold or violate it; one violation is a FAIL
    derived  a closed form with a known error: tested for equivalence within a margin that bounds the stated remainder
    fitted   a constant without a derivation: an estimate and its interval, no verdict

To add one, write a function of the evidence (analysis/evidence.py) and append a Prediction to PREDICTIONS:
    derived, fitted   returns a list of rows made by the constructors of analysis/rows.py; an empty list or a text says
                      that the file cannot show it (the text: why)
    exact             returns a Verdict of analysis/claims.py, as the claims there do
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from analysis.rows import median_row, proportion_row


@dataclass(frozen=True)
class Prediction:
    name: str
    kind: str  # "exact", "derived" or "fitted"
    statement: str  # one line: what is compared with what, and the margin
    derivation: str  # a few lines, remainder included
    rows: Callable


def walk_rate(eps):
    """l(eps) of the walk's clock: the variance of a log-ratio that one draw adds."""
    return -np.log1p(-np.minimum(eps, 0.9) ** 2)


def clock(n, b, eps, sampling="without_replacement"):
    """k: the walk's own clock per step."""
    if sampling == "with_replacement":
        return b / n * walk_rate(eps)
    return b * (n - b) / (n * (n - 1.0)) * walk_rate(eps)


# ---- time to sparsity on the clock -----------------------------------------------------------------------------------


def sparsity_times(evidence):
    """Median over seeds of k * (steps_sparse - steps_norm) in every cell with 0 < b < n without replacement."""
    rows = []
    times = evidence.times("steps_sparse") - evidence.times("steps_norm")
    for cell, at in evidence.cells("without_replacement"):
        if cell["batch_size"] < cell["samples"] and cell["eps"] <= 0.4 and evidence.all_done(at):
            k = clock(cell["samples"], cell["batch_size"], cell["eps"])
            rows.append(median_row(cell, np.where(np.isnan(times[at]), np.inf, k * times[at])))
    return rows


# ---- two points: the angle is a martingale ---------------------------------------------------------------------------


def two_points_winner(evidence):
    """Counts over seeds of the runs where the point that was larger at the start wins, n = 2, b = 1."""
    if not evidence.has_start:
        return "no starts in the file: needs record: {steps: 0} and weights: record"
    rows = []
    for cell, at in evidence.cells("without_replacement"):
        if (cell["samples"], cell["batch_size"], cell["activation"]) != (2, 1, "linear") or cell["eps"] > 0.1:
            continue
        done = evidence.ended("converged")[at]
        smaller, larger = np.sort(np.abs(evidence.start(at)), axis=-1)[done].T
        wins = (evidence["winner_rank"][at] == 1)[done]
        predicted = float(np.mean(2 / np.pi * np.arctan2(larger, smaller))) if done.any() else np.nan
        margin = 4 * cell["eps"] * (1 + max(-np.log(evidence.scale), 0.0)) / np.pi**2
        rows.append(proportion_row(cell, wins.sum(), wins.size, predicted, margin, evidence.not_converged(at)))
    return rows


PREDICTIONS = [
    Prediction(
        "time to sparsity", "fitted",
        "b < n, without replacement: median over seeds of k (steps_sparse - steps_norm), k = b (n - b) / (n (n - 1)) "
        "l(eps), l(x) = -log(1 - x^2)",
        "Per step a log-ratio log|a_i / a_j| gains variance of order eps^2 whenever one of the two is drawn and the "
        "other is not, with probability 2 b (n - b) / (n (n - 1)); l counts eps^2 with its higher orders. On this clock "
        "cells of all batch and step sizes should agree for the same number of active points.",
        sparsity_times),
    Prediction(
        "winner of two points", "derived",
        "n = 2, b = 1, linear, eps <= 0.1: the larger |a_i(0)| wins with probability (2/pi) arctan(larger / smaller), "
        "within 4 eps (1 + ln(1/scale)) / pi^2",
        "At N = 1 a step moves a_i by eps a_i (1[i in B] - S_B), of mean 0, and the norm is pulled back to 1 radially: "
        "the angle arctan(a_1 / a_2) is a martingale on [0, pi/2] up to O(eps^2) per step, absorbed at the ends, so it "
        "ends at pi/2 with probability angle / (pi/2). Remainder: during growth (N < 1) log(a_1 / a_2) is the "
        "martingale instead; its variance there is 4 eps ln(1/scale), which moves the probability by at most half of "
        "it times the largest curvature of (2/pi) arctan(e^r), 1/pi; later terms are O(eps).",
        two_points_winner),
]

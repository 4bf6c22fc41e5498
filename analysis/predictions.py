"""Quantitative predictions for the model, each with its derivation, tested by `python3 -m analysis claims`.

Three kinds, never mixed:
    exact    proved, for every run: rows of runs that hold or violate it; one violation is a FAIL
    derived  a closed form with a known error: tested for equivalence within a margin that bounds the stated remainder
    fitted   a constant without a derivation: an estimate and its interval, no verdict

To add one, write a function of the evidence (analysis/evidence.py) and append a Prediction to PREDICTIONS:
    derived, fitted   returns a list of rows made by the constructors of analysis/rows.py; an empty list or a text says
                      that the file cannot show it (the text: why)
    exact             returns a Verdict, made by judge_runs of analysis/verdict.py as in analysis/claims.py
"""

import numpy as np

from analysis.intervals import resampling, seed_means
from analysis.prediction import Prediction
from analysis.rows import bootstrap_row, contrast_row, mean_row, median, proportion_row
from analysis.verdict import not_done, words


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
    """Constant and slope of the cells' medians on ln m: least squares, with a bootstrap over seeds."""
    cells = []
    for cell, at in evidence.cells("without_replacement"):
        if cell["batch_size"] < cell["samples"] and cell["eps"] <= 0.4 and evidence.all_done(at):
            k = clock(cell["samples"], cell["batch_size"], cell["eps"])
            begin, end = (evidence.times(name, at) for name in ("steps_norm", "steps_sparse"))
            never = np.isinf(begin) | np.isinf(end)
            length = np.where(never, np.inf, k * (np.where(never, 0, end) - np.where(never, 0, begin)))
            cells.append((np.log(max(evidence["active_init"][at].mean(), 1.0)), length))
    reached = [(points, times) for points, times in cells if np.isfinite(median(np.sort(times)))]
    if len({round(points, 1) for points, _ in reached}) < 2:
        return "needs cells that are done and mostly reach sparsity, of two dimensions"
    return _regress(np.array([points for points, _ in reached]), np.array([times for _, times in reached]),
                    f"{len(reached)} of {len(cells)} cells, the others reach it in less than half of their runs")


def _regress(log_points, times, note):
    """times: [cell, seed]. All cells are drawn with the same seeds, since they share starts."""
    parts = slice(None) if len(times) <= 300 else np.linspace(0, len(times) - 1, 300).astype(int)
    log_points, times = log_points[parts], times[parts]
    design = np.linalg.pinv(np.stack([np.ones_like(log_points), log_points], axis=1))
    medians = np.array([median(row) for row in np.sort(times, axis=1)])
    seeds = times.shape[1]
    drawn = np.random.default_rng(1).integers(0, seeds, size=(200, seeds))
    draws = np.array([np.partition(times[:, one], seeds // 2, axis=1)[:, seeds // 2] for one in drawn])
    draws = np.where(np.isfinite(draws).all(axis=1, keepdims=True), draws, np.nan) @ design.T
    fitted = design @ medians
    off = medians / (fitted[0] + fitted[1] * log_points) - 1
    note += f"; cells are {np.sqrt(np.mean(off**2)):.0%} off (rms), at most {np.abs(off).max():.0%}"
    return [bootstrap_row({}, name, fitted[at], draws[:, at], seeds, note if at == 0 else "")
            for at, name in enumerate(("constant", "per ln m"))]


# ---- the start that is left falls like d^(-1/2) ----------------------------------------------------------------------

SLOPE_FROM_DIMENSION = 16  # the law is for large d


def alignment_slope(evidence):
    """Least squares of log mean |alignment_init| on log d. The delta method gives every seed, whose runs of all
    dimensions share a start, its part of the slope."""
    scope = evidence.once & evidence.has("sampling", "without_replacement") & (evidence.b < evidence.n)
    scope = scope & (evidence.d >= SLOPE_FROM_DIMENSION)
    missing = {name: int((scope & mask).sum()) for name, mask in not_done(evidence) if (scope & mask).any()}
    if missing:
        return "not complete: " + words(missing)
    alignment = np.where(scope & evidence.ended("converged"), np.abs(evidence["alignment_init"]), np.nan)
    rows = []
    for at, activation in enumerate(evidence.activation):
        means = np.array([seed_means(alignment[at, :, dimension]) for dimension in range(alignment.shape[2])])
        there = np.isfinite(means).any(axis=1)
        if there.sum() < 2:
            continue
        centred = np.log(evidence.d.ravel()[there])
        centred = centred - centred.mean()
        weights, means = centred / (centred @ centred), means[there]
        middle = np.nanmean(means, axis=1, keepdims=True)
        parts = weights @ np.log(middle) + weights @ (means / middle - 1)
        rows.append(mean_row({"activation": activation}, parts, -0.5, 0.1))
    return rows or f"needs converged runs at b < n in two dimensions from {SLOPE_FROM_DIMENSION}"


# ---- the paper's message as contrasts --------------------------------------------------------------------------------


def leave_one_out(evidence):
    """Means at b = n - 1 less those at b = n, paired by seed, step sizes averaged; converged runs."""
    rows = []
    converged = evidence.ended("converged")
    for activation, dimension in np.ndindex(len(evidence.activation), evidence.status.shape[2]):
        places = {size: position for position, size in evidence.batches[dimension]}
        n = int(evidence.n[0, 0, dimension, 0, 0, 0])
        if n < 2 or n not in places or n - 1 not in places or "without_replacement" not in evidence.sampling:
            continue
        sampling = evidence.sampling.index("without_replacement")
        for measure in ("participation_ratio", "alignment_init", "hessian_trace_limit"):
            values = np.where(converged, evidence[measure], np.nan)[activation, sampling, dimension]
            cell = {"measure": measure, "activation": evidence.activation[activation], "samples": n}
            rows.append(contrast_row(cell, seed_means(values[places[n - 1]]), seed_means(values[places[n]])))
    return rows or "needs b = n - 1 and b = n without replacement"


# ---- two points: the angle is a martingale ---------------------------------------------------------------------------


def two_points_winner(evidence):
    """Counts over seeds of the runs where the point that was larger at the start wins, n = 2, b = 1."""
    if not evidence.has_start:
        return "no starts in the file: needs record: {steps: 0} and weights: record"
    rows = []
    for cell, at in evidence.cells("without_replacement"):
        if (cell["samples"], cell["batch_size"], cell["activation"]) != (2, 1, "linear") or cell["eps"] > 0.1:
            continue
        done = evidence.ended("converged", at=at)
        smaller, larger = np.sort(np.abs(evidence.start(at)), axis=-1)[done].T
        wins = (evidence["winner_rank"][at] == 1)[done]
        predicted = float(np.mean(2 / np.pi * np.arctan2(larger, smaller))) if done.any() else np.nan
        margin = 4 * cell["eps"] * (1 + max(-np.log(evidence.scale), 0.0)) / np.pi**2
        rows.append(proportion_row(cell, wins.sum(), wins.size, predicted, margin, evidence.not_converged(at)))
    return rows


PREDICTIONS = [
    Prediction(
        "P3 slope", "derived",
        "b < n, without replacement: slope of log mean |alignment_init| on log d is -1/2, within 0.1, for d >= 16",
        "alignment_init is |a_w(0)| / ||w0|| of the point w that wins. For a point drawn regardless of its start the "
        "mean is that of one coordinate of a direction, (2 / (pi d))^(1/2) (1 + O(1/d)), slope -1/2; for the largest "
        "start it is (2 ln d / d)^(1/2), slope -1/2 + 1 / (2 ln d). The winner is in between, nearer to the first; 0.1 "
        "bounds the share of the second.",
        alignment_slope),
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
    Prediction(
        "time to sparsity", "fitted",
        "b < n, without replacement, eps <= 0.4: medians over seeds of k (steps_sparse - steps_norm) as constant + "
        "slope ln m, k = b (n - b) / (n (n - 1)) l(eps), l(x) = -log(1 - x^2), m active points at the start",
        "A log-ratio log|a_i / a_j| gains variance of order eps^2 whenever one of the two is drawn and the other is "
        "not, with probability 2 b (n - b) / (n (n - 1)); l counts eps^2 with higher orders. On this clock cells of "
        "all batch and step sizes should agree; how the time grows with m is not derived.",
        sparsity_times),
    Prediction(
        "one point less", "fitted",
        "mean at b = n - 1 less mean at b = n, paired by seed, over converged runs and all step sizes",
        "P3 and P4 in numbers: leaving out a single point of n in every step decides which minimum is found.",
        leave_one_out),
]

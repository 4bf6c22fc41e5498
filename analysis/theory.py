"""More predictions (see analysis/predictions.py), each derived in its docstring; PREDICTIONS lists them for the claims.

Notation of the program: a_i = <w, x_i>, N = ||w||^2, S_B the batch's part of it, e = eps (2 - N), c = 1 - eps S_B and
ce = c + e the factors of points outside and inside of the batch, p_i = a_i^2 / N. Batches without repeats unless said.
"""

import math

import numpy as np
import xarray as xr

from analysis.prediction import Prediction
from analysis.rows import bootstrap_row, mean_row, proportion_row
from analysis.verdict import Verdict, at_most, judge_runs, not_converged, not_done

NO_REPEATS = ("without_replacement", "shuffle", "cyclic")


# ---- exact: a trap for the norm, and signs that stay -----------------------------------------------------------------


def norm2_bound(eps):
    """The largest N that a start with N <= 1 can reach without repeats, for eps <= 1/2.

    A step takes N to c^2 (N - S_B) + ce^2 S_B = N + (2 e - 2 eps N + e^2) S_B + (eps^2 N - 2 e eps) S_B^2 for whatever
    0 <= S_B <= N. [0, M] is a trap if that is at most M for all N <= M; the smallest such M >= 1 is returned, found on
    a grid of spacing 1/2000 and raised by 1/500, more than the map changes between two points of the grid.
    """
    norm2 = np.linspace(0.0, 2.0, 4001)[:, np.newaxis]
    inside = norm2 * np.linspace(0.0, 1.0, 801)
    e = eps * (2.0 - norm2)
    after = norm2 + (2 * e - 2 * eps * norm2 + e**2) * inside + (eps**2 * norm2 - 2 * e * eps) * inside**2
    highest = np.maximum.accumulate(after.max(axis=1))
    trapped = (highest <= norm2[:, 0]) & (norm2[:, 0] >= 1.0)
    return float(norm2[np.argmax(trapped), 0]) + 0.002


def signs_stay(evidence):
    """Proved. In the trap N <= M < 2 and eps M < 1 (M < 1.19 for eps <= 1/2), so c >= 1 - eps M > 0 and ce = c + e > 0:
    no coordinate ever changes its sign or becomes zero, and every term of <w, w0> stays at least 0."""
    verdict = Verdict("signs stay", "exact", "no repeats, eps <= 1/2, ||w0|| <= 1: alignment_init >= 0, no active "
                      "point is lost, ||w|| stays below the edge of its trap")
    short, verdict.note = evidence.short_start()
    scope = sum(evidence.has("sampling", name) for name in NO_REPEATS).astype(bool) & (evidence.eps <= 0.5)
    bounds = {value: norm2_bound(value) for value in np.unique(evidence.eps[evidence.eps <= 0.5])}
    bound = np.vectorize(lambda value: bounds.get(value, np.nan))(evidence.eps)
    alignment, norm = evidence["alignment_init"], evidence["norm_max"]
    lost = evidence["active_init"] - evidence["active"]
    holds = at_most(-alignment, 0.0) & at_most(np.abs(lost), 0.0) & at_most(norm**2, bound)
    left_out = [("||w0|| above 1, or not known to be below", ~short), ("w0 = 0", np.isnan(alignment) & short
                & evidence.ended("dead", "converged", "max_steps"))]
    return judge_runs(evidence, verdict, scope, not_done(evidence), left_out, holds,
                      {"alignment_init": alignment, "active lost": lost, "norm_max": norm},
                      "no run without repeats at eps <= 1/2")


# ---- exact: where the other samplings end ----------------------------------------------------------------------------


def cyclic_keeps_a_block(evidence):
    """Proved. Let g = gcd(n, b). Windows begin at multiples of g, so a block of g consecutive points is in or out as a
    whole and its ratios never change. At a minimum every window has S_B = 0 or S_B = N = 1; two living blocks could be
    told apart by some window, so one block lives: g points, or as many of them as are active."""
    verdict = Verdict("cyclic keeps gcd(n, b)", "exact", "cyclic: a converged run keeps at most gcd(n, b) points")
    if evidence.tol > 1e-4:
        verdict.reason = f"tol is {evidence.tol:g}: told apart for tol <= 1e-4"
        return verdict
    most = np.gcd(np.nan_to_num(evidence.n).astype(int), np.maximum(np.nan_to_num(evidence.b).astype(int), 1))
    ratio = evidence["participation_ratio"]
    holds = at_most(ratio, most * (1 + 1e-6))
    return judge_runs(evidence, verdict, evidence.has("sampling", "cyclic"), not_done(evidence),
                      not_converged(evidence), holds, {"participation_ratio": ratio, "gcd(n, b)": most},
                      "no cyclic run")


def repeats_end_sparse(evidence):
    """Proved. The stop rule asks for sum ||v_i||^2 <= tol^2 S over single points whenever a batch can hold one point
    several times or b < n; only single points have v_i = 0 for all i, and 1 - max_share is at most tol^2 / 2 there. So
    with replacement even b = n ends sparse, where one full batch without repeats stays dense."""
    verdict = Verdict("sparse with repeats, shuffled", "exact", "with replacement at any b, shuffle at b < n: "
                      "max_share >= 1 - tol^2")
    share = evidence["max_share"]
    scope = ((evidence.has("sampling", "with_replacement") & (evidence.n > 1))
             | (evidence.has("sampling", "shuffle") & (evidence.b < evidence.n)))
    holds = at_most(1 - share, max(evidence.tol**2, 1e-12))
    return judge_runs(evidence, verdict, scope, not_done(evidence), not_converged(evidence), holds,
                      {"max_share": share}, "no such sampling in the file")


# ---- derived: the norm while w is dense ------------------------------------------------------------------------------


def dense_norm2(n, b, eps, ratio, sampling="without_replacement"):
    """E N while w is dense, to first order in eps; ratio: participation ratio.

    With N = 1 + x a step adds S_B (eps^2 - 4 eps x) - eps^2 S_B^2 up to O(eps^2 x, eps^3) (norm2_bound has the exact
    map). At the balance x = (eps / 4) (1 - E S_B^2 / E S_B). E S_B = b / n and Var S_B = b (n - b) / (n (n - 1)) (1 /
    ratio - 1 / n) give x = (eps / 4) (n - b) / (n - 1) (1 - 1 / ratio): 0 for the full batch and for one point. With
    repeats sum_i m_i^2 a_i^2 takes part of S_B's place and x = (eps / 4) (1 - 1 / ratio) whatever b.
    """
    part = 1.0 if sampling == "with_replacement" else (n - b) / (n - 1.0)
    return 1.0 + eps / 4 * part * (1.0 - 1.0 / ratio)


def norm_while_dense(evidence):
    """Rows of N - dense_norm2, the mean over recorded steps of each seed: those at least 4 relaxation times, n / (4 eps
    b) each, after S first passed 0.8, where the participation ratio is still above 4."""
    with xr.open_dataset(evidence.path, engine="h5netcdf") as sweep:
        if "norm_record" not in sweep or "participation_ratio_record" not in sweep:
            return "needs norm and participation_ratio in the record"
        steps, norms, ratios = (sweep[name].values for name in ("record", "norm_record", "participation_ratio_record"))
    rows = []
    for cell, at in evidence.cells("without_replacement", "with_replacement"):
        n, b, eps = cell["samples"], cell["batch_size"], cell["eps"]
        if n < 16 or eps > 0.2 or not evidence.all_done(at):
            continue
        late = evidence.times("steps_norm", at)[:, np.newaxis] + n / (eps * b)
        use = (steps >= late) & (ratios[at] > 4) & (steps <= evidence["steps"][at][:, np.newaxis])
        off = np.where(use, norms[at]**2 - dense_norm2(n, b, eps, ratios[at], cell["sampling"]), 0.0)
        there = use.any(axis=1)
        if there.mean() >= 0.9:
            means = np.where(there, off.sum(axis=1) / np.maximum(use.sum(axis=1), 1), np.nan)
            rows.append(mean_row(cell, means, 0.0, eps**2))
    return rows or "no cell with recorded steps between the growth of the norm and sparsity"


# ---- derived: the walk -----------------------------------------------------------------------------------------------


WALK = ("walk_count", "walk_moves", "walk_sum", "walk_sum2", "walk_drift", "walk_square")


def _walks(evidence):
    """{name: array over runs and bins} and the ends of the bins, read once; empty without a walk in the file."""
    if "walk" not in evidence.measures:
        with xr.open_dataset(evidence.path, engine="h5netcdf", mask_and_scale=False) as sweep:
            names = WALK + ("walk_low", "walk_high") if "walk_count" in sweep else ()
            evidence.measures["walk"] = {name: sweep[name].values for name in names}
    return evidence.measures["walk"]


def _walk_cells(evidence):
    """(cell, {name: [seed, bin]}) of every cell that walks."""
    walks = _walks(evidence)
    for cell, at in evidence.cells("without_replacement") if walks else ():
        if cell["batch_size"] < cell["samples"] and cell["eps"] <= 0.45 and evidence.all_done(at):
            walk = {name: walks[name][at].astype(float) for name in WALK}
            yield cell, walk | {"low": walks["walk_low"], "high": walks["walk_high"]}


NO_WALK = "needs walk: {bins: ...} and runs without replacement at b < n"


def walk_moves(evidence):
    """Share of the watched steps in which exactly one of the pair was drawn."""
    rows = []
    for cell, walk in _walk_cells(evidence):
        n, b = cell["samples"], cell["batch_size"]
        chance = 2 * b * (n - b) / (n * (n - 1.0))
        moves, count = walk["walk_moves"].sum(), walk["walk_count"].sum()
        if count * chance > 100:
            rows.append(proportion_row(cell, moves, count, chance, 0.2 * min(chance, 1 - chance) if n > 2 else 1e-3))
    return rows or NO_WALK


def walk_second_moment(evidence):
    """Per seed the sum over bins of D^2 less its prediction, in units of the mean over seeds of the prediction."""
    rows = []
    for cell, walk in _walk_cells(evidence):
        predicted = walk["walk_square"].sum(axis=1)
        if walk["walk_moves"].sum() > 1000:
            rows.append(mean_row(cell, (walk["walk_sum2"].sum(axis=1) - predicted) / predicted.mean(), 0.0, 0.05))
    return rows or NO_WALK


def walk_drift(evidence):
    """Per seed the sum of D sign(r) less its prediction, in units of the predicted root mean square of D times the mean
    number of moves. Bins by the sign of their middle."""
    rows = []
    for cell, walk in _walk_cells(evidence):
        sign = np.where(walk["low"] + walk["high"] > 0, 1.0, -1.0)
        sign[0], sign[-1] = -1.0, 1.0
        unit = math.sqrt(walk["walk_square"].sum() * walk["walk_moves"].sum()) / walk["walk_moves"].shape[0]
        if walk["walk_moves"].sum() > 1000:
            rows.append(mean_row(cell, ((walk["walk_sum"] - walk["walk_drift"]) * sign).sum(axis=1) / unit, 0.0, 0.1))
    return rows or NO_WALK


def decay_rate(n, b, eps):
    """The rate at which a lost point dies: -E d log |a_j| per step near the limit, where one point i has N = S = 1.

    Of i and j alone, i in: j is multiplied by c = 1 - eps; j in: by ce = 1 + eps, and i stays; both or none: nothing.
    So the rate is P (-ln(1 - eps) - ln(1 + eps)) = P l(eps), P = b (n - b) / (n (n - 1)): the clock k of the walk is
    the transverse Lyapunov exponent at the limit, exactly.
    """
    return b * (n - b) / (n * (n - 1.0)) * -math.log1p(-eps**2)


def death_rate(evidence):
    """n = 2: mean increment of |r| per watched step in the open bins at the ends, over decay_rate. All steps of a cell
    count alike: per seed the increments are taken relative to the mean number of steps."""
    rows = []
    for cell, walk in _walk_cells(evidence):
        if cell["samples"] != 2 or walk["high"][0] > -3:
            continue
        gained = walk["walk_sum"][:, -1] - walk["walk_sum"][:, 0]
        count = walk["walk_count"][:, -1] + walk["walk_count"][:, 0]
        rate = decay_rate(2, 1, cell["eps"])
        if count.sum() * cell["eps"]**2 > 4000:  # else the margin cannot be told
            rows.append(mean_row(cell, gained / (rate * count.mean()) - count / count.mean(), 0.0, 0.15))
    return rows or "needs a walk with n = 2, range >= 3 and more than 4000 / eps^2 watched steps in the end bins"


# ---- derived: who wins -----------------------------------------------------------------------------------------------


def equal_starts(evidence):
    """Count of the runs in which one of the first half of the points wins."""
    if evidence.distribution != "ones":
        return "needs init: {distribution: ones}"
    rows = []
    for cell, at in evidence.cells("without_replacement", "with_replacement", "shuffle"):
        n = cell["samples"]
        done = evidence.ended("converged", at=at)
        if n < 2 or (cell["batch_size"] == n and cell["sampling"] != "with_replacement"):
            continue
        winners = np.abs(evidence["selected"][at][done])
        rows.append(proportion_row(cell, (winners <= n // 2).sum(), winners.size, (n // 2) / n, 0.08,
                                   evidence.not_converged(at)))
    return rows


def shuffled_pair(evidence):
    """Count over seeds of the runs where the larger start wins, n = 2, b = 1, shuffle."""
    rows = []
    for cell, at in evidence.cells("shuffle"):
        if (cell["samples"], cell["batch_size"], cell["activation"]) != (2, 1, "linear") or cell["eps"] > 0.2:
            continue
        done = evidence.ended("converged", at=at)
        wins = (evidence["winner_rank"][at] == 1)[done]
        rows.append(proportion_row(cell, wins.sum(), wins.size, 1.0, 2 * cell["eps"], evidence.not_converged(at)))
    return rows or "needs n = 2, b = 1, linear, shuffle, eps <= 0.2"


def _rank_rows(evidence, sampling, quantity, value, fits):
    """A row per activation and dimension: the mean over all converged runs of a seed, then over seeds."""
    rows = []
    scope = (evidence.once & evidence.has("sampling", sampling) & evidence.ended("converged")
             & (evidence.b < evidence.n) & (evidence.n >= 16) & fits)
    if evidence.distribution == "ones" or not scope.any():
        return "no such runs"
    values = np.where(scope, value(evidence), np.nan)
    for activation, dimension in np.ndindex(len(evidence.activation), evidence.status.shape[2]):
        part = values[activation, :, dimension]
        seeds = part.reshape(-1, part.shape[-1])
        seeds = seeds[np.isfinite(seeds).any(axis=1)]
        if not seeds.size or not np.isfinite(seeds).any(axis=0).all():
            continue
        means = np.nanmean(seeds, axis=0)
        drawn = np.random.default_rng(1).integers(0, means.size, size=(2000, means.size))
        cell = {"activation": evidence.activation[activation], "samples": int(evidence.n[0, 0, dimension, 0, 0, 0])}
        rows.append(bootstrap_row(cell, quantity, means.mean(), means[drawn].mean(axis=1), means.size))
    return rows or "no dimension in which every seed converged"


def winner_rank(evidence):
    return _rank_rows(evidence, "without_replacement", "share of the others that started larger",
                      lambda e: (e["winner_rank"] - 1) / np.where(e["active_init"] > 1, e["active_init"] - 1, np.nan),
                      np.True_)


def shuffle_remembers(evidence):
    return _rank_rows(evidence, "shuffle", "share of runs won by the largest start",
                      lambda e: np.where(np.isnan(e["winner_rank"]), np.nan, e["winner_rank"] == 1),
                      2 * evidence.b <= evidence.n)


def _of(function):
    return " ".join(function.__doc__.split())


PREDICTIONS = [
    Prediction("signs stay", "exact", "", _of(signs_stay), signs_stay),
    Prediction("cyclic keeps gcd(n, b)", "exact", "", _of(cyclic_keeps_a_block), cyclic_keeps_a_block),
    Prediction("sparse with repeats, shuffled", "exact", "", _of(repeats_end_sparse), repeats_end_sparse),
    Prediction(
        "norm while dense", "derived",
        "n >= 16, eps <= 0.2: while w is dense, N - 1 = (eps/4) (n-b)/(n-1) (1 - 1/participation_ratio), with repeats "
        "without the middle factor, within eps^2",
        _of(dense_norm2), norm_while_dense),
    Prediction(
        "walk: moves", "derived",
        "b < n, without replacement: log |a_i/a_j| moves with probability 2 b (n-b) / (n (n-1)), within a fifth",
        "Exactly one of two points is in a uniform subset of b of n. No remainder; the margin is what a sweep can "
        "tell.",
        walk_moves),
    Prediction(
        "walk: second moment", "derived",
        "b < n, without replacement: E D^2 = P (E[ln^2(ce/c) | i in, j out] + E[ln^2(ce/c) | j in, i out]), within 5 %",
        "Given that exactly one of i and j is in and the rest of the batch, each is in with probability 1/2, so the "
        "sums of D^2 and of its prediction differ by a martingale. No remainder; the margin is what a sweep can tell.",
        walk_second_moment),
    Prediction(
        "walk: drift", "derived",
        "b < n, without replacement: E D = P (E[ln(ce/c) | i in] - E[ln(ce/c) | j in]), outward, within a tenth of the "
        "root mean square of D",
        "As for the second moment. With L(x) = ln(1 + e / (1 - eps x)) increasing, D is L(p_i + rest) or "
        "-L(p_j + rest): the larger point gains P eps^2 (p_i - p_j) a step to lowest order.",
        walk_drift),
    Prediction(
        "death of the loser", "derived",
        "n = 2, without replacement: in the open end bins of the walk |r| grows by k = l(eps)/2 a step, within 15 %",
        _of(decay_rate), death_rate),
    Prediction(
        "equal starts", "derived",
        "from `ones` every point wins with the same probability: half of the points half of the time, within 0.08",
        "Points are exchangeable at the start and batches are drawn symmetrically, so the law of the winner is uniform."
        " No remainder; the margin is what a sweep can tell. (Not for cyclic, whose order tells points apart.)",
        equal_starts),
    Prediction(
        "shuffled pair", "derived",
        "n = 2, b = 1, linear, shuffle, eps <= 0.2: the larger start wins but with probability below 2 eps",
        "In an epoch both points are drawn once: D = L(p_1) - L(p_2'), outward by eps^2 (p_1 - p_2) at N = 1, while "
        "its noise, from the order of the two, is O(eps^3). So r' = eps^2 tanh r with a noise that can turn only "
        "starts of |r| = O(eps): the density of r at 0 is 1/pi, and starts of |r| < pi eps have probability 2 eps.",
        shuffled_pair),
    Prediction(
        "rank of the winner", "fitted",
        "b < n, without replacement, n >= 16: (winner_rank - 1) / (active_init - 1), the share of the other active "
        "points that started larger than the winner, mean over runs",
        "No derivation for n > 2. Were a point to win in proportion to |a_i(0)| it would be 1 - 1/sqrt(2) = 0.293, in "
        "proportion to a_i(0)^2 0.182; 1/2 if starts did not matter; for n = 2 the martingale gives 1/4, the "
        "chance that the smaller one wins.",
        winner_rank),
    Prediction(
        "shuffle remembers", "fitted",
        "shuffle, b <= n/2, n >= 16: share of the runs that the largest start wins",
        "In an epoch of whole batches every point is drawn equally often, so the log-ratios have no diffusion at order "
        "eps^2, only the outward drift, which makes the largest start win; what is left of noise is of order eps^4.",
        shuffle_remembers),
]

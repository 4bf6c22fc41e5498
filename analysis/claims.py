"""The paper's claims P1 to P4, each with a verdict from the runs of a results file.

A claim is judged run by run: it says which runs it speaks of, what leaves a run out, and what must hold for the others.
Nothing is dropped in silence: every run that a claim speaks of is counted as holding, violating, or left out with the
reason. Reasons that leave a claim open (not done, cut short) keep it from passing.

kind: "exact", an identity, where one violation is a FAIL; "scaling", a law of means, which fails only if its interval
over seeds is outside of the stated range too.
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from analysis.evidence import FINISHED
from analysis.intervals import resampling, seed_means

PASS, FAIL, NOT_TESTED = "PASS", "FAIL", "not tested"

# The bounds below are met by every converged run as long as the grid's tol is not above this: 1 - max_share and 1 -
# alignment_init_active are at most tol^2 / 2, which must be under 1e-11.
TOL_LIMIT = 4e-6

SLOPE_RANGE = (-0.6, -0.4)
SLOPE_FROM_DIMENSION = 16  # the law is for large d
SLOPE_FROM_SEEDS = 16  # a bootstrap over fewer seeds is too narrow to convict


@dataclass
class Verdict:
    claim: str
    kind: str
    statement: str
    verdict: str = NOT_TESTED
    reason: str = ""  # of "not tested"
    held: int = 0
    violated: int = 0
    open: dict = field(default_factory=dict)  # reason -> runs that could still violate it
    left_out: dict = field(default_factory=dict)  # reason -> runs that the claim does not speak of after all
    first_violation: dict = None
    note: str = ""

    def as_dict(self):
        return asdict(self)


def judge_all(evidence):
    """The verdicts, in the order in which they are printed."""
    checks = (converges, full_batch_aligned, full_batch_dense, sparse, forgets_start, alignment_slope, relu_sharper,
              linear_equal)
    return [check(evidence) for check in checks]


def failed(verdicts):
    return any(verdict.verdict == FAIL for verdict in verdicts)


# ---- the claims ------------------------------------------------------------------------------------------------------


def converges(evidence):
    """P1. Runs that an explicit max_steps cut short say nothing; `auto` gives 20 times the predicted length."""
    verdict = Verdict("P1 global minimum", "exact", "eps <= 0.4, without replacement, ||w0|| <= 1, an active "
                      "coordinate at the start: converged, and 2n excess_loss <= 1e-9")
    if evidence.tol == 0:
        return _not_tested(verdict, "tol is 0: no run stops by itself")
    if evidence.tol > TOL_LIMIT:
        return _not_tested(verdict, _tol_reason(evidence))
    short, verdict.note = evidence.short_start()
    scope = _without_replacement(evidence) & (evidence.eps <= 0.4)
    excess = 2 * evidence.n * evidence["excess_loss"]
    open_reasons = _not_done(evidence)
    if not evidence.max_steps_auto:
        open_reasons.append(("cut short by the grid's max_steps", evidence.ended("max_steps")))
    left_out = [("||w0|| above 1, or not known to be below", ~short),
                ("no active coordinate at the start", evidence["active_init"] == 0)]
    holds = evidence.ended("converged") & _at_most(excess, 1e-9)
    return _judge(evidence, verdict, scope, open_reasons, left_out, holds, {"2n excess_loss": excess},
                  "no run without replacement at eps <= 0.4")


def full_batch_aligned(evidence):
    verdict = Verdict("P2 aligned", "exact", "full batch, ||w0|| <= 1: alignment_init_active >= 1 - 1e-11")
    value = evidence["alignment_init_active"]
    return _judge_full_batch(evidence, verdict, _at_most(1 - value, 1e-11), {"alignment_init_active": value})


def full_batch_dense(evidence):
    verdict = Verdict("P2 dense", "exact", "full batch, ||w0|| <= 1: participation_ratio = participation_ratio_init to "
                      "1e-9, relative")
    value, start = evidence["participation_ratio"], evidence["participation_ratio_init"]
    return _judge_full_batch(evidence, verdict, _at_most(np.abs(value - start), 1e-9 * start),
                             {"participation_ratio": value, "participation_ratio_init": start})


def _judge_full_batch(evidence, verdict, holds, values):
    """A long start can overshoot and turn round, so only short ones count."""
    if evidence.tol > TOL_LIMIT:
        return _not_tested(verdict, _tol_reason(evidence))
    short, verdict.note = evidence.short_start()
    scope = (evidence.b == evidence.n) & ~evidence.has("sampling", "with_replacement")
    left_out = [("||w0|| above 1, or not known to be below", ~short)] + _not_converged(evidence)
    return _judge(evidence, verdict, scope, _not_done(evidence), left_out, holds, values, "no full-batch run (b = n)")


def sparse(evidence):
    verdict = Verdict("P3 sparse", "exact", "b < n, without replacement: max_share >= 1 - 1e-11")
    value = evidence["max_share"]
    return _judge_small_batch(evidence, verdict, [], _at_most(1 - value, 1e-11), {"max_share": value})


def forgets_start(evidence):
    verdict = Verdict("P3 alignment", "exact", "b < n, without replacement: |alignment_init| = |a_selected(0)| / "
                      "||w0|| to 1e-5")
    if not evidence.has_start:
        return _not_tested(verdict, "no start in the file: needs record: {steps: 0} and weights: record")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.abs(evidence.selected_start) / evidence.start_norm
    value = np.abs(evidence["alignment_init"])
    left_out = [("||w0|| unknown: record norm at step 0 too", evidence.ended("converged") & np.isnan(share))]
    return _judge_small_batch(evidence, verdict, left_out, _at_most(np.abs(value - share), 1e-5),
                              {"|alignment_init|": value, "|a_selected(0)| / ||w0||": share})


def _judge_small_batch(evidence, verdict, left_out, holds, values):
    if evidence.tol > TOL_LIMIT:
        return _not_tested(verdict, _tol_reason(evidence))
    scope = _without_replacement(evidence) & (evidence.b < evidence.n)
    return _judge(evidence, verdict, scope, _not_done(evidence), _not_converged(evidence) + left_out, holds, values,
                  "no run without replacement at b < n")


def relu_sharper(evidence):
    """P4, relu. Every converged run at b < n against every converged full-batch run of its seed: their smallest and
    largest trace."""
    verdict = Verdict("P4 relu", "exact", "per seed, without replacement, ||w0|| <= 1: trace limit at b < n is "
                      "(active_init - 1)/n above that of the full batch, to 1e-9")
    short, verdict.note = evidence.short_start()
    plain = _without_replacement(evidence) & evidence.has("activation", "relu")
    trace = evidence["hessian_trace_limit"]
    full = plain & evidence.once & (evidence.b == evidence.n) & evidence.ended("converged") & short
    lowest = np.where(full, trace, np.inf).min(axis=(3, 4), keepdims=True)
    highest = np.where(full, trace, -np.inf).max(axis=(3, 4), keepdims=True)
    gap = (evidence["active_init"] - 1) / evidence.n
    off = np.maximum(np.abs(trace - lowest - gap), np.abs(trace - highest - gap))
    left_out = [("||w0|| above 1, or not known to be below", ~short)] + _not_converged(evidence)
    left_out.append(("no converged full-batch run of the same seed", np.isinf(lowest)))
    values = {"hessian_trace_limit": trace, "full batch": np.where(np.isinf(lowest), np.nan, lowest),
              "(active_init - 1)/n": gap}
    return _judge(evidence, verdict, plain & (evidence.b < evidence.n), _not_done(evidence), left_out,
                  _at_most(off, _rounding(trace)), values, "no relu run without replacement at b < n")


def linear_equal(evidence):
    verdict = Verdict("P4 linear", "exact", "trace limit = (4 + d - n)/n at every batch size, to 1e-9")
    trace = evidence["hessian_trace_limit"]
    want = (4.0 + evidence.d - evidence.n) / evidence.n
    return _judge(evidence, verdict, evidence.has("activation", "linear"), _not_done(evidence),
                  _not_converged(evidence), _at_most(np.abs(trace - want), _rounding(trace)),
                  {"hessian_trace_limit": trace}, "no linear run")


def alignment_slope(evidence):
    """P3, the law behind alignment_init ~ 1/sqrt(d): means over all converged runs at b < n, by seed and dimension."""
    low, high = SLOPE_RANGE
    verdict = Verdict("P3 slope", "scaling", "b < n, without replacement: slope of log mean |alignment_init| on log d, "
                      f"d >= {SLOPE_FROM_DIMENSION}, within [{low}, {high}]")
    scope = _without_replacement(evidence) & (evidence.b < evidence.n) & (evidence.d >= SLOPE_FROM_DIMENSION)
    counted = _judge(evidence, verdict, scope, _not_done(evidence), _not_converged(evidence), np.True_, {},
                     f"no run without replacement at b < n and d >= {SLOPE_FROM_DIMENSION}")
    if counted.verdict == NOT_TESTED and not counted.open:
        return counted
    used = scope & evidence.once & evidence.ended("converged")
    alignment = np.where(used, np.abs(evidence["alignment_init"]), np.nan)
    slopes = {}
    for at, activation in enumerate(evidence.activation):
        means = np.array([seed_means(alignment[at, :, dimension]) for dimension in range(alignment.shape[2])])
        there = np.isfinite(means).any(axis=1)
        if there.sum() >= 2:
            slopes[activation] = _slope(np.log(evidence.d.ravel()[there]), means[there])
    if not slopes:
        return _not_tested(verdict, f"needs converged runs at b < n in two dimensions from {SLOPE_FROM_DIMENSION}")
    return _judge_slopes(verdict, slopes)


def _judge_slopes(verdict, slopes):
    low, high = SLOPE_RANGE
    words = {name: f"{name} {slope:.3f} ({below:.3f} to {above:.3f})" for name, (slope, below, above) in slopes.items()}
    verdict.note = "slope (99.9 % interval over seeds): " + ", ".join(words.values())
    outside = [name for name, (slope, _, _) in slopes.items() if not low <= slope <= high]
    surely = [name for name in outside if slopes[name][2] < low or slopes[name][1] > high]
    if surely:
        verdict.verdict, verdict.reason = FAIL, ""
        verdict.first_violation = {"activation": surely[0], "slope": slopes[surely[0]][0]}
    elif outside and verdict.verdict == PASS:
        return _not_tested(verdict, f"too few seeds: {words[outside[0]]}")
    return verdict


def _slope(log_d, means):
    """(slope, low, high): least squares on log mean, and its 99.9 % bootstrap interval over seeds, which all dimensions
    share. means: [dimension, seed]; an interval without bounds for few seeds."""
    seeds = means.shape[1]
    if seeds > 1000:
        means = np.stack([np.nanmean(part, axis=1) for part in np.array_split(means, 1000, axis=1)], axis=1)
    centred = log_d - log_d.mean()
    slope_of = centred / (centred @ centred)
    there = np.isfinite(means)
    values = np.where(there, means, 0.0)
    slope = float(np.log(values.sum(axis=1) / there.sum(axis=1)) @ slope_of)
    if seeds < SLOPE_FROM_SEEDS:
        return slope, -np.inf, np.inf
    weights = resampling(means.shape[1])
    total, count = weights @ values.T, weights @ there.T
    good = (count > 0).all(axis=1)
    drawn = np.log(total[good] / count[good]) @ slope_of
    low, high = np.quantile(drawn, [0.0005, 0.9995])
    return slope, float(low), float(high)


# ---- judging ---------------------------------------------------------------------------------------------------------


def _judge(evidence, verdict, scope, open_reasons, left_out, holds, values, empty):
    """Count the runs of scope and decide. A run is counted under the first reason that it has; values: what to show of
    a violating run; empty: why not tested when scope has no run."""
    left = evidence.once & scope
    if not left.any():
        return _not_tested(verdict, empty)
    for reasons, counts in ((open_reasons, verdict.open), (left_out, verdict.left_out)):
        for reason, mask in reasons:
            hit = left & mask
            if hit.any():
                counts[reason] = int(hit.sum())
                left = left & ~hit
    violating = left & ~holds
    verdict.violated = int(violating.sum())
    verdict.held = int(left.sum()) - verdict.violated
    if verdict.violated:
        verdict.verdict = FAIL
        verdict.first_violation = _first(evidence, violating, values)
    elif verdict.open:
        verdict.reason = "not complete: " + _list(verdict.open)
    elif not verdict.held:
        verdict.reason = "no run is left: " + _list(verdict.left_out)
    else:
        verdict.verdict = PASS
    return verdict


def _first(evidence, violating, values):
    index = np.unravel_index(int(np.argmax(violating)), violating.shape)
    shown = {name: float(np.broadcast_to(value, violating.shape)[index]) for name, value in values.items()}
    return {**evidence.run(index), **shown}


def _not_tested(verdict, reason):
    verdict.verdict, verdict.reason = NOT_TESTED, reason
    return verdict


def _without_replacement(evidence):
    return evidence.has("sampling", "without_replacement")


def _not_done(evidence):
    names = ("pending", "failed", "not_needed")
    return [(name, evidence.ended(name)) for name in names]


def _not_converged(evidence):
    return [(name, evidence.ended(name)) for name in FINISHED if name != "converged"]


def _at_most(value, bound):
    """NaN is not."""
    with np.errstate(invalid="ignore"):
        return np.asarray(value <= bound)


def _rounding(trace):
    return 1e-9 * np.fmax(1.0, np.abs(trace))


def _tol_reason(evidence):
    return f"tol is {evidence.tol:g}: the bounds are for tol <= {TOL_LIMIT:g}"


def _list(counts):
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())

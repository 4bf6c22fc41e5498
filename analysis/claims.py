"""The paper's claims P1 to P4, each with a verdict from the runs of a results file.

A claim is judged run by run: it says which runs it speaks of, what leaves a run out, and what must hold for the others.
Nothing is dropped in silence: every run that a claim speaks of is counted as holding, violating, or left out with the
reason. Reasons that leave a claim open (not done, cut short) keep it from passing.

These claims are exact: identities, where one violation is a FAIL. The predictions of analysis/predictions.py, which can
be of other kinds, are judged beside them (analysis/verdict.py).
"""

from dataclasses import replace

import numpy as np

from analysis import theory
from analysis.predictions import PREDICTIONS
from analysis.verdict import (FAIL, Verdict, at_most, judge_predictions, judge_runs, not_converged, not_done,
                              not_tested)

# The bounds below are met by every converged run as long as the grid's tol is not above this: 1 - max_share and 1 -
# alignment_init_active are at most tol^2 / 2, which must be under 1e-11.
TOL_LIMIT = 4e-6


def judge_all(evidence):
    """The verdicts, in the order in which they are printed."""
    checks = (converges, full_batch_aligned, full_batch_dense, sparse, forgets_start, relu_sharper, linear_equal)
    predictions = PREDICTIONS + theory.PREDICTIONS
    if evidence.precision:
        predictions = [_for_fixed_seeds(one) for one in predictions]
    return [check(evidence) for check in checks] + judge_predictions(predictions, evidence)


def _for_fixed_seeds(prediction):
    """Of a file whose seeds follow a rule: p-values, and least squares over seeds, are made for a number of seeds that
    is fixed beforehand."""
    if prediction.kind == "exact":
        return prediction
    return replace(prediction, rows=lambda evidence: "needs a fixed number of seeds, not `until`")


def failed(verdicts):
    return any(verdict.verdict == FAIL for verdict in verdicts)


# ---- the claims ------------------------------------------------------------------------------------------------------


def converges(evidence):
    """P1. Runs that an explicit max_steps cut short say nothing; `auto` gives 20 times the predicted length."""
    verdict = Verdict("P1 global minimum", "exact", "eps <= 0.4, without replacement, ||w0|| <= 1, an active "
                      "coordinate at the start: converged, and 2n excess_loss <= 1e-9")
    if evidence.tol == 0:
        return not_tested(verdict, "tol is 0: no run stops by itself")
    if evidence.tol > TOL_LIMIT:
        return not_tested(verdict, _tol_reason(evidence))
    short, verdict.note = evidence.short_start()
    scope = _without_replacement(evidence) & (evidence.eps <= 0.4)
    excess = 2 * evidence.n * evidence["excess_loss"]
    open_reasons = not_done(evidence)
    if not evidence.max_steps_auto:
        open_reasons.append(("cut short by the grid's max_steps", evidence.ended("max_steps")))
    left_out = [("||w0|| above 1, or not known to be below", ~short),
                ("no active coordinate at the start", evidence["active_init"] == 0)]
    holds = evidence.ended("converged") & at_most(excess, 1e-9)
    return judge_runs(evidence, verdict, scope, open_reasons, left_out, holds, {"2n excess_loss": excess},
                  "no run without replacement at eps <= 0.4")


def full_batch_aligned(evidence):
    verdict = Verdict("P2 aligned", "exact", "full batch, ||w0|| <= 1: alignment_init_active >= 1 - 1e-11")
    value = evidence["alignment_init_active"]
    return _judge_full_batch(evidence, verdict, at_most(1 - value, 1e-11), {"alignment_init_active": value})


def full_batch_dense(evidence):
    verdict = Verdict("P2 dense", "exact", "full batch, ||w0|| <= 1: participation_ratio = participation_ratio_init to "
                      "1e-9, relative")
    value, start = evidence["participation_ratio"], evidence["participation_ratio_init"]
    return _judge_full_batch(evidence, verdict, at_most(np.abs(value - start), 1e-9 * start),
                             {"participation_ratio": value, "participation_ratio_init": start})


def _judge_full_batch(evidence, verdict, holds, values):
    """A long start can overshoot and turn round, so only short ones count."""
    if evidence.tol > TOL_LIMIT:
        return not_tested(verdict, _tol_reason(evidence))
    short, verdict.note = evidence.short_start()
    scope = (evidence.b == evidence.n) & ~evidence.has("sampling", "with_replacement")
    left_out = [("||w0|| above 1, or not known to be below", ~short)] + not_converged(evidence)
    return judge_runs(evidence, verdict, scope, not_done(evidence), left_out, holds, values,
                      "no full-batch run (b = n)")


def sparse(evidence):
    verdict = Verdict("P3 sparse", "exact", "b < n, without replacement: max_share >= 1 - 1e-11")
    value = evidence["max_share"]
    return _judge_small_batch(evidence, verdict, [], at_most(1 - value, 1e-11), {"max_share": value})


def forgets_start(evidence):
    verdict = Verdict("P3 alignment", "exact", "b < n, without replacement: |alignment_init| = |a_selected(0)| / "
                      "||w0|| to 1e-5")
    if not evidence.has_start:
        return not_tested(verdict, "no start in the file: needs record: {steps: 0} and weights: record")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.abs(evidence.selected_start) / evidence.start_norm
    value = np.abs(evidence["alignment_init"])
    left_out = [("||w0|| unknown: record norm at step 0 too", evidence.ended("converged") & np.isnan(share))]
    return _judge_small_batch(evidence, verdict, left_out, at_most(np.abs(value - share), 1e-5),
                              {"|alignment_init|": value, "|a_selected(0)| / ||w0||": share})


def _judge_small_batch(evidence, verdict, left_out, holds, values):
    if evidence.tol > TOL_LIMIT:
        return not_tested(verdict, _tol_reason(evidence))
    scope = _without_replacement(evidence) & (evidence.b < evidence.n)
    return judge_runs(evidence, verdict, scope, not_done(evidence), not_converged(evidence) + left_out, holds, values,
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
    left_out = [("||w0|| above 1, or not known to be below", ~short)] + not_converged(evidence)
    left_out.append(("no converged full-batch run of the same seed", np.isinf(lowest)))
    values = {"hessian_trace_limit": trace, "full batch": np.where(np.isinf(lowest), np.nan, lowest),
              "(active_init - 1)/n": gap}
    return judge_runs(evidence, verdict, plain & (evidence.b < evidence.n), not_done(evidence), left_out,
                  at_most(off, _rounding(trace)), values, "no relu run without replacement at b < n")


def linear_equal(evidence):
    verdict = Verdict("P4 linear", "exact", "trace limit = (4 + d - n)/n at every batch size, to 1e-9")
    trace = evidence["hessian_trace_limit"]
    want = (4.0 + evidence.d - evidence.n) / evidence.n
    return judge_runs(evidence, verdict, evidence.has("activation", "linear"), not_done(evidence),
                  not_converged(evidence), at_most(np.abs(trace - want), _rounding(trace)),
                  {"hessian_trace_limit": trace}, "no linear run")


# ---- what they share -------------------------------------------------------------------------------------------------


def _without_replacement(evidence):
    return evidence.has("sampling", "without_replacement")


def _rounding(trace):
    return 1e-9 * np.fmax(1.0, np.abs(trace))


def _tol_reason(evidence):
    return f"tol is {evidence.tol:g}: the bounds are for tol <= {TOL_LIMIT:g}"

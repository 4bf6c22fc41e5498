"""What a claim is judged to be, and the judging of the derived and fitted ones, whose rows are estimates.

Three classes, never mixed:
    exact    run by run; one violation is a FAIL; no p-value (analysis/claims.py)
    derived  a closed form with a known error: equivalence tests within a margin, Holm's method over all rows of a file
             at 0.01 family-wise. PASS if every row is shown to agree, FAIL if one is shown to differ by more than the
             margin, "not shown" if there are too few seeds to tell
    fitted   an estimate and its interval; never a verdict
"""

from dataclasses import asdict, dataclass, field

import numpy as np

from analysis.evidence import FINISHED
from analysis.rows import Row

PASS, FAIL, NOT_TESTED, NOT_SHOWN, ESTIMATE = "PASS", "FAIL", "not tested", "not shown", "estimate"
FAMILY_WISE = 0.01


@dataclass
class Verdict:
    claim: str
    kind: str  # exact, derived or fitted
    statement: str
    verdict: str = NOT_TESTED
    reason: str = ""  # of "not tested"
    held: int = 0  # runs of an exact claim, rows of a derived one
    violated: int = 0
    open: dict = field(default_factory=dict)  # reason -> runs that could still violate it
    left_out: dict = field(default_factory=dict)  # reason -> runs that the claim does not speak of after all
    first_violation: dict = None
    note: str = ""
    derivation: str = ""
    rows: list = field(default_factory=list)  # of a derived or fitted claim

    def as_dict(self):
        return asdict(self)


def not_tested(verdict, reason):
    verdict.verdict, verdict.reason = NOT_TESTED, reason
    return verdict


# ---- derived and fitted: rows ----------------------------------------------------------------------------------------


def judge_predictions(predictions, evidence):
    """One verdict for each prediction, in their order."""
    verdicts = [_estimate(prediction, evidence) for prediction in predictions]
    _decide([verdict for verdict in verdicts if verdict.kind == "derived" and verdict.rows])
    return verdicts


def _estimate(prediction, evidence):
    answer = prediction.rows(evidence)
    if isinstance(answer, Verdict):
        if (prediction.kind, answer.kind) != ("exact", "exact"):
            raise TypeError(f"{prediction.name}: a verdict of kind {answer.kind} from a {prediction.kind} prediction")
        answer.derivation = prediction.derivation
        return answer
    verdict = Verdict(prediction.name, prediction.kind, prediction.statement, derivation=prediction.derivation)
    if isinstance(answer, str) or not answer:
        return not_tested(verdict, answer or "no cell of the file is of this kind")
    if prediction.kind not in ("derived", "fitted") or not all(isinstance(row, Row) for row in answer):
        raise TypeError(f"{prediction.name}: rows are for derived and fitted predictions")
    if any((row.predicted is None) == (prediction.kind == "derived") for row in answer):
        raise TypeError(f"{prediction.name}: derived has a predicted value and a margin, fitted has none")
    verdict.rows, verdict.verdict = answer, ESTIMATE
    return verdict


def _decide(verdicts):
    rows = [row for verdict in verdicts for row in verdict.rows]
    agree = dict(zip(map(id, rows), holm([row.p_equivalent for row in rows])))
    differ = dict(zip(map(id, rows), holm([row.p_different for row in rows])))
    for verdict in verdicts:
        verdict.held = sum(agree[id(row)] for row in verdict.rows)
        verdict.violated = sum(differ[id(row)] for row in verdict.rows)
        for row in verdict.rows:
            row.outcome = "differs" if differ[id(row)] else "agrees" if agree[id(row)] else "undecided"
        verdict.verdict = NOT_SHOWN
        if verdict.violated:
            verdict.verdict = FAIL
            worst = min((row for row in verdict.rows if row.outcome == "differs"), key=lambda row: row.p_different)
            verdict.first_violation = {**worst.cell, "estimate": worst.estimate, "predicted": worst.predicted,
                                       "margin": worst.margin, "p": worst.p_different}
        elif verdict.held == len(verdict.rows):
            verdict.verdict = PASS


def holm(values, level=FAMILY_WISE):
    """Which hypotheses Holm rejects: the smallest p-value at level / count, the next at level / (count - 1)."""
    rejected = [False] * len(values)
    for done, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if not values[at] <= level / (len(values) - done):
            break
        rejected[at] = True
    return rejected


# ---- exact: run by run -----------------------------------------------------------------------------------------------


def judge_runs(evidence, verdict, scope, open_reasons, left_out, holds, values, empty):
    """Count the runs of scope and decide. A run is counted under the first reason that it has; values: what to show of
    a violating run; empty: why not tested when scope has no run."""
    left = evidence.once & scope
    if not left.any():
        return not_tested(verdict, empty)
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
        verdict.first_violation = _first_run(evidence, violating, values)
    elif verdict.open:
        verdict.reason = "not complete: " + words(verdict.open)
    elif not verdict.held:
        verdict.reason = "no run is left: " + words(verdict.left_out)
    else:
        verdict.verdict = PASS
    return verdict


def _first_run(evidence, violating, values):
    index = np.unravel_index(int(np.argmax(violating)), violating.shape)
    shown = {name: float(np.broadcast_to(value, violating.shape)[index]) for name, value in values.items()}
    return {**evidence.run(index), **shown}


def not_done(evidence):
    """Seeds that a cell could do without (`seed: until`) are not among them: nobody asked for those."""
    names = ("pending", "failed")
    return [(name, evidence.ended(name)) for name in names]


def not_converged(evidence):
    return [(name, evidence.ended(name)) for name in FINISHED if name != "converged"]


def at_most(value, bound):
    """NaN is not."""
    with np.errstate(invalid="ignore"):
        return np.asarray(value <= bound)


def words(counts):
    return ", ".join(f"{count} {reason}" for reason, count in counts.items())

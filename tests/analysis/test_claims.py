"""The claims on files of the real program, and on files that were made wrong on purpose, which must fail."""

import contextlib
import io
import json
import unittest

import h5py
import numpy as np
from analysis.__main__ import main
from analysis.evidence import longer_than_one
from analysis.intervals import bootstrap_interval, bootstrap_intervals
from analysis.predictions import Prediction
from analysis.rows import mean_row
from analysis.verdict import ESTIMATE, FAIL, NOT_SHOWN, NOT_TESTED, PASS, holm, judge_predictions
from program import ProgramTest
from scipy.stats import binom

START = "record: {steps: 0, measures: [norm]}\nweights: record\n"
GRID = """
activation: [linear, relu]
dimension: [16, 32, 64]
batch_size: [1, n/2, n-1, n]
step_size: {scaled_by_batch: [0.2, 0.4]}
seed: {first: 1, count: 24}
"""
CONVERGED = 1


class ClaimsTest(ProgramTest):
    def file(self, grid):
        done, results = self.call(grid)
        self.assertEqual(done.returncode, 0, done.stderr)
        return results

    def claims(self, path, code=0):
        """({claim: verdict}, rows), from the command itself."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            returned = main(["claims", str(path), "--json"])
        answer = json.loads(output.getvalue())
        claims = {verdict["claim"]: verdict for verdict in answer["claims"]}
        self.assertEqual(returned, code, {name: claim["verdict"] for name, claim in claims.items()})
        return claims, answer["rows"]

    def verdicts(self, path, code=0):
        """Of the paper's claims, which are exact, and the first derived one; others have tests of their own."""
        return {name: verdict["verdict"] for name, verdict in self.claims(path, code)[0].items() if name[0] == "P"}

    def text(self, path):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            main(["claims", str(path)])
        return output.getvalue()


def copy_runs(source, target, there, here):
    """Overwrite the results of runs in target, at index `here`, with those in source, at index `there`."""
    with h5py.File(source) as old, h5py.File(target, "r+") as new:
        for name in (name for name in new if new[name].ndim >= 6):
            new[name][here] = old[name][there]


def edit(path, name, index, value):
    with h5py.File(path, "r+") as file:
        file[name][index] = value


class TheModel(ClaimsTest):
    """Every claim holds in what the program computes."""

    def test_all_pass(self):
        claims, rows = self.claims(self.file(GRID + START))
        paper = {name: claim["verdict"] for name, claim in claims.items() if name[0] == "P"}
        slope = paper.pop("P3 slope")  # 24 seeds do not bound it within 0.1
        self.assertEqual((len(paper), set(paper.values()), slope), (7, {PASS}, NOT_SHOWN))
        # 2 activations, 3 dimensions, 2 step sizes, 24 seeds at each batch size: 4, one of them full.
        self.assertEqual(claims["P1 global minimum"]["held"], 288 * 4)
        self.assertEqual(claims["P2 aligned"]["held"], 288)
        self.assertEqual(claims["P3 alignment"]["held"], 288 * 3)
        self.assertEqual(claims["P4 relu"]["held"], 144 * 3)
        self.assertEqual(len(rows), 2 * 3 * 4)
        self.assertTrue(all(row["runs"] == row["converged"] == 48 for row in rows))
        for claim in claims.values():
            self.assertEqual((claim["violated"], claim["open"], claim["first_violation"]), (0, {}, None))

    def test_outside_part(self):
        grid = GRID.replace("dimension: [16, 32, 64]", "dimension: [16, 24, 40]\nsamples: 12")
        for init in ("gaussian", "sphere"):
            claims = self.verdicts(self.file(grid + START + f"init: {{distribution: {init}, scale: 0.2}}\n"))
            del claims["P3 slope"]  # too few seeds for it at these dimensions
            self.assertEqual(claims, dict.fromkeys(claims, PASS), init)
        # Without the norm of a gaussian start its outside part is unknown, the sphere's radius is not.
        for init, verdict in (("gaussian", NOT_TESTED), ("sphere", PASS)):
            path = self.file(grid + START.replace("[norm]", "none") + f"init: {{distribution: {init}, scale: 0.2}}\n")
            claims, _ = self.claims(path)
            self.assertEqual(claims["P3 alignment"]["verdict"], verdict, init)

    def test_numbers_of_the_table(self):
        path = self.file(GRID)
        rows = self.claims(path)[1]
        with h5py.File(path) as file:
            for name in ("alignment_init", "hessian_trace_limit", "participation_ratio", "max_share"):
                seeds = file[name][1, 0, 2, 3].mean(axis=0)  # relu, d = 64, b = n
                cell = ("relu", 64, "n")
                row = next(row for row in rows if (row["activation"], row["dimension"], row["batch"]) == cell)
                got = [row[name][key] for key in ("mean", "low", "high")]
                for got, want in zip(got, bootstrap_interval(seeds)):
                    self.assertAlmostEqual(got, want, delta=1e-12 * max(1, abs(want)))

    def test_equal_expressions_count_once(self):
        claims, rows = self.claims(self.file(GRID.replace("[16, 32, 64]", "[4]").replace("[1, n/2", "[2, n/2, 4, 9")))
        self.assertEqual([row["batch_size"] for row in rows], [2, 3, 4] * 2)
        self.assertEqual(claims["P4 linear"]["held"], 3 * 48)
        self.assertEqual(sum(row["skipped"] for row in rows), 0)

    def test_other_samplings_are_left_to_themselves(self):
        grid = GRID.replace("[16, 32, 64]", "[16, 32]") + "sampling: [with_replacement, shuffle, cyclic]\n"
        claims, rows = self.claims(self.file(grid.replace("[0.2, 0.4]", "0.05")))
        self.assertEqual(claims["P3 sparse"]["verdict"], NOT_TESTED)
        self.assertEqual(claims["P4 relu"]["verdict"], NOT_TESTED)
        self.assertEqual(claims["P2 dense"]["held"], 2 * 2 * 2 * 24)
        for row in rows:
            dense = row["sampling"] == "cyclic" and row["batch_size"] == row["samples"] // 2
            dense |= row["sampling"] != "with_replacement" and row["batch"] == "n"
            self.assertEqual(row["participation_ratio"]["mean"] > 1.01, dense, row)

    def test_table_fits_a_terminal(self):
        text = self.text(self.file(GRID + START))
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertIn("1152 runs, 1152 converged.", text)
        self.assertEqual(text.count("\nPASS"), 8)
        self.assertEqual([line.split(":")[0] for line in text.splitlines() if line.split(":")[0].isupper()],
                         ["EXACT", "DERIVED", "FITTED"])


class WrongModels(ClaimsTest):
    def first(self, path, claim):
        claims, _ = self.claims(path, 1)
        self.assertEqual(claims[claim]["verdict"], FAIL)
        return claims[claim], claims[claim]["first_violation"]

    def test_doubled_step_in_one_cell(self):
        path = self.file(GRID)
        double = self.file(GRID.replace("[0.2, 0.4]", "[0.4, 0.8]"))
        cell = (1, 0, 1, 1, 1)  # relu, d = 32, b = n/2, eps = 0.4
        copy_runs(double, path, cell, cell)
        claim, first = self.first(path, "P1 global minimum")
        self.assertEqual((claim["held"] + claim["violated"], claim["left_out"]), (1152, {}))
        self.assertGreater(claim["violated"], 12)
        self.assertEqual([first[name] for name in ("activation", "sampling", "dimension", "samples", "batch",
                                                   "batch_size", "step_value", "eps", "eta")],
                         ["relu", "without_replacement", 32, 32, "n/2", 16, 0.4, 0.4, 6.4])
        self.assertNotEqual(first["status"], "converged")
        self.assertIn(f"seed {first['seed']}, status {first['status']}", " ".join(self.text(path).split()))

    def test_repeats_labelled_as_without(self):
        path = self.file(GRID.replace("0.2, 0.4", "0.05, 0.1"))
        repeats = self.file(GRID.replace("0.2, 0.4", "0.05, 0.1") + "sampling: with_replacement\n")
        self.assertEqual(self.verdicts(path)["P2 dense"], PASS)
        copy_runs(repeats, path, (), ())
        claims = self.verdicts(path, 1)
        wrong = {name for name, verdict in claims.items() if verdict == FAIL}
        self.assertEqual(wrong, {"P2 aligned", "P2 dense", "P4 relu"})
        self.assertEqual(self.first(path, "P2 dense")[1]["batch"], "n")

    def test_cyclic_labelled_as_without(self):
        path, cyclic = self.file(GRID), self.file(GRID + "sampling: cyclic\n")
        copy_runs(cyclic, path, (), ())
        claims = self.verdicts(path, 1)
        self.assertEqual((claims["P3 sparse"], claims["P4 relu"]), (FAIL, FAIL))
        self.assertEqual(self.first(path, "P3 sparse")[1]["batch"], "n/2")

    def test_another_start(self):
        path, other = self.file(GRID + START), self.file(GRID.replace("first: 1", "first: 2") + START)
        with h5py.File(other) as file:
            edit(path, "weights", (0, 0, 0, 1), file["weights"][0, 0, 0, 1])
        claim, first = self.first(path, "P3 alignment")
        self.assertEqual((first["dimension"], first["batch"], first["seed"]), (16, "n/2", 1))
        self.assertLessEqual(claim["violated"], 48)

    def test_every_bound(self):
        """One run, just past its bound and just within it."""
        path = self.file(GRID + START)
        here, full, linear = (1, 0, 0, 1, 1, 5), (1, 0, 0, 3, 1, 5), (0, 0, 0, 1, 1, 5)
        with h5py.File(path) as file:
            ratio = file["participation_ratio_init"][full]
            alignment, trace = file["alignment_init"][here], file["hessian_trace_limit"][here]
        for claim, name, at, bad, good in (
            ("P1 global minimum", "excess_loss", here, 1.01e-9 / 32, 0.99e-9 / 32),
            ("P2 aligned", "alignment_init_active", full, 1 - 1.01e-11, 1 - 0.99e-11),
            ("P2 dense", "participation_ratio", full, ratio * (1 + 1.01e-9), ratio * (1 - 0.99e-9)),
            ("P3 sparse", "max_share", here, 1 - 1.01e-11, 1 - 0.99e-11),
            ("P3 alignment", "alignment_init", here, alignment + 2e-5, alignment + 0.5e-5),
            ("P4 relu", "hessian_trace_limit", here, trace + 1.01e-9 * trace, trace - 0.99e-9 * trace),
            ("P4 relu", "hessian_trace_limit", here, np.nan, trace),
            ("P4 linear", "hessian_trace_limit", linear, 0.25 + 1.01e-9, 0.25 - 0.99e-9),
        ):
            with h5py.File(path) as file:
                right = file[name][at]
            edit(path, name, at, bad)
            claims, _ = self.claims(path, 1)
            self.assertEqual([key for key in claims if claims[key]["verdict"] == FAIL], [claim])
            self.assertEqual((claims[claim]["violated"], claims[claim]["first_violation"]["seed"]), (1, 6))
            edit(path, name, at, good)
            self.assertEqual(self.verdicts(path)[claim], PASS)
            edit(path, name, at, right)

    def test_slope(self):
        path = self.file(GRID)
        with h5py.File(path, "r+") as file:
            for at, d in enumerate((16, 32, 64)):
                file["alignment_init"][1, 0, at] *= d**-0.5
        claim, first = self.first(path, "P3 slope")
        self.assertEqual(first["activation"], "relu")
        self.assertLess(first["estimate"], -0.85)
        self.assertEqual((claim["kind"], claim["violated"], claim["held"]), ("derived", 1, 0))


class NothingIsDropped(ClaimsTest):
    def test_runs_that_are_not_done_keep_a_claim_open(self):
        path = self.file(GRID)
        edit(path, "status", (0, 0, 0, 0, 0, 0), 0)
        claims, _ = self.claims(path)
        self.assertEqual(claims["P3 slope"]["reason"], "not complete: 1 pending")
        for name in ("P1 global minimum", "P3 sparse", "P4 linear"):
            self.assertEqual((claims[name]["verdict"], claims[name]["open"]), (NOT_TESTED, {"pending": 1}), name)
        self.assertEqual(claims["P2 aligned"]["verdict"], PASS)
        edit(path, "status", (0, 0, 0, 0, 0, 1), 4)
        self.assertEqual(self.claims(path, 1)[0]["P1 global minimum"]["verdict"], FAIL)

    def test_seeds_that_a_rule_did_without_are_no_missing_runs(self):
        path = self.file(GRID.replace("16, 32, 64", "16"))
        edit(path, "status", (0, 0, 0, 1, slice(None), slice(10, None)), 7)
        edit(path, "alignment_init", (0, 0, 0, 1, slice(None), slice(10, None)), 9.0)  # nobody may look at it
        claims, rows = self.claims(path)
        self.assertEqual((claims["P3 sparse"]["verdict"], claims["P3 sparse"]["held"]), (PASS, 288 - 28))
        self.assertEqual((rows[1]["not_needed"], rows[1]["seeds"], rows[1]["seeds_converged"]), (28, 10, 10))
        self.assertLess(rows[1]["alignment_init"]["high"], 1)

    def test_cut_short(self):
        claims, rows = self.claims(self.file(GRID + "stop: {max_steps: 100}\n"))
        cut = sum(row["max_steps"] for row in rows)
        self.assertGreater(cut, 100)
        self.assertEqual(claims["P1 global minimum"]["verdict"], NOT_TESTED)
        self.assertEqual(claims["P1 global minimum"]["open"], {"cut short by the grid's max_steps": cut})
        self.assertEqual(claims["P4 linear"]["left_out"], {"max_steps": sum(row["max_steps"] for row in rows
                                                                            if row["activation"] == "linear")})

    def test_tol(self):
        for tol in ("0", "1e-4"):
            grid = GRID.replace("16, 32, 64", "16") + f"stop: {{tol: {tol}, max_steps: 500}}\n"
            claims, _ = self.claims(self.file(grid))
            for name in ("P1 global minimum", "P2 aligned", "P3 sparse"):
                self.assertEqual((claims[name]["verdict"], claims[name]["held"]), (NOT_TESTED, 0))
                self.assertIn("no run is left" if tol == "0" and name[1] != "1" else "tol is", claims[name]["reason"])

    def test_long_starts(self):
        """A start longer than 1 is no violation; whether it is longer the file tells if it was asked to."""
        grid = GRID.replace("16, 32, 64", "16") + "init: {scale: 1}\n"
        claims, _ = self.claims(self.file(grid))
        self.assertEqual(claims["P1 global minimum"]["verdict"], NOT_TESTED)
        self.assertEqual(claims["P1 global minimum"]["left_out"], {"||w0|| above 1, or not known to be below": 384})
        claims, _ = self.claims(self.file(grid + START))
        self.assertEqual(claims["P1 global minimum"]["verdict"], PASS)
        self.assertIn(claims["P1 global minimum"]["held"], range(64, 320))
        claims, _ = self.claims(self.file(GRID + "init: {distribution: sphere, scale: 1}\n"))
        self.assertEqual(claims["P1 global minimum"]["held"], 1152)

    def test_no_active_coordinate(self):
        path = self.file("activation: relu\ndimension: 2\nbatch_size: [1, n]\nstep_size: {scaled_by_batch: 0.1}\n"
                         "seed: {first: 1, count: 64}\n")
        claims, rows = self.claims(path)
        dead = sum(row["dead"] for row in rows)
        self.assertGreater(dead, 8)
        self.assertEqual(claims["P1 global minimum"]["left_out"], {"no active coordinate at the start": dead})
        self.assertEqual(claims["P1 global minimum"]["held"], 128 - dead)
        self.assertEqual(claims["P4 linear"]["reason"], "no linear run")

    def test_too_few_seeds_for_a_slope(self):
        path = self.file(GRID.replace("16, 32, 64", "16, 17").replace("count: 24", "count: 2"))
        claim = self.claims(path)[0]["P3 slope"]
        self.assertEqual((claim["verdict"], claim["rows"][0]["outcome"]), (NOT_SHOWN, "undecided"))
        self.assertIn("fewer than 16 seeds", claim["rows"][0]["note"])

    def test_unusable_files(self):
        path = self.file(GRID.replace("16, 32, 64", "4"))
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            self.assertEqual(main(["claims", str(path) + ".not"]), 2)
            with h5py.File(path, "r+") as file:
                del file["max_share"]
            self.assertEqual(main(["claims", str(path)]), 2)
            with h5py.File(path, "r+") as file:
                del file.attrs["grid"]
            self.assertEqual(main(["claims", str(path)]), 2)
            path.write_bytes(b"no HDF5")
            self.assertEqual(main(["claims", str(path)]), 2)
        self.assertEqual(errors.getvalue().count("analysis: "), 4)
        self.assertIn("no variable max_share", errors.getvalue())
        self.assertIn("no attribute grid", errors.getvalue())


class Predictions(ClaimsTest):
    def test_winner_of_two_points(self):
        path = self.file("dimension: 2\nbatch_size: 1\nstep_size: {scaled_by_batch: [0.03, 0.1]}\n"
                         "seed: {first: 1, count: 4000}\n" + START)
        claim = self.claims(path)[0]["winner of two points"]
        self.assertEqual((claim["verdict"], claim["held"], claim["kind"]), (PASS, 2, "derived"))
        for row in claim["rows"]:
            # Gaussian starts have a uniform angle: (2/pi) arctan(larger / smaller) is uniform on [1/2, 1].
            self.assertAlmostEqual(row["predicted"], 0.75, delta=5 * np.sqrt(1 / 48 / 4000))
            self.assertTrue(row["low"] < row["estimate"] < row["high"])
        # A model in which the larger start always wins, in one cell.
        edit(path, "winner_rank", (0, 0, 0, 0, 1), 1)
        claim = self.claims(path, 1)[0]["winner of two points"]
        self.assertEqual((claim["verdict"], claim["held"], claim["violated"]), (FAIL, 1, 1))
        self.assertEqual((claim["first_violation"]["eps"], claim["first_violation"]["estimate"]), (0.1, 1.0))

    def test_time_to_sparsity(self):
        """The constants of a law that the times are made to follow; some runs never get there."""
        path = self.file(GRID.replace("32, 64", "48"))
        with h5py.File(path, "r+") as file:
            n, b = np.array([16, 48]).reshape(2, 1, 1, 1), file["batch_size"][:].reshape(2, 4, 1, 1)
            eps, points = np.array([0.2, 0.4]).reshape(2, 1), file["active_init"][:].mean(axis=-1, keepdims=True)
            with np.errstate(divide="ignore"):
                k = b * (n - b) / (n * (n - 1)) * -np.log(1 - eps**2)
                times = 1000 + np.where(b < n, (2 + 3 * np.log(points)) / k, -1001)
            file["steps_norm"][:], file["steps_sparse"][:] = 1000, np.rint(times)
            file["steps_sparse"][..., ::12] = -1
        rows = self.claims(path)[0]["time to sparsity"]["rows"]
        for row, want in zip(rows, (2.0, 3.0)):
            self.assertAlmostEqual(row["estimate"], want, delta=0.2)
            self.assertTrue(row["low"] - 0.2 < want < row["high"] + 0.2, row)
        with h5py.File(path, "r+") as file:
            file["steps_sparse"][..., ::2] = -1
        self.assertIn("needs cells", self.claims(path)[0]["time to sparsity"]["reason"])

    def test_leave_one_out_is_paired_and_counts_what_is_missing(self):
        path = self.file(GRID)
        with h5py.File(path) as file:
            pairs = np.diff(file["alignment_init"][1, 0, 2, 2:].mean(axis=1), axis=0)[0]
        edit(path, "status", (1, 0, 2, 3, slice(None), 0), 2)
        rows = self.claims(path, 1)[0]["one point less"]["rows"]
        cell = {"measure": "alignment_init", "activation": "relu", "samples": 64}
        row, = (row for row in rows if row["cell"] == cell)
        self.assertAlmostEqual(row["estimate"], -pairs[1:].mean(), places=12)
        self.assertEqual((row["count"], row["note"]), (23, "1 of 24 seeds without a value"))

    def test_every_cell_with_exact_intervals(self):
        """Ten seeds of one cell: two dead, one cut short before it was sparse."""
        path = self.file("activation: linear\ndimension: 8\nbatch_size: [n/2, n]\nstep_size: {scaled_by_batch: 0.2}\n"
                         "seed: {first: 1, count: 10}\n")
        with h5py.File(path, "r+") as file:
            file["steps_sparse"][0, 0, 0, 0, 0] = [30, 10, 20, -1, 50, -1, 40, -1, 70, 60]
            file["status"][0, 0, 0, 0, 0] = [1, 1, 1, 4, 1, 4, 1, 2, 1, 1]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            main(["claims", str(path), "--json"])
        cell, full = json.loads(output.getvalue())["cells"]
        self.assertEqual((cell["batch_size"], cell["eps"], cell["dead"], cell["max_steps"]), (4, 0.2, 2, 1))
        share = cell["converged_share"]
        self.assertEqual(share["value"], 0.7)
        self.assertAlmostEqual(binom.sf(6, 10, share["low"]), 0.005, places=9)
        self.assertAlmostEqual(binom.cdf(7, 10, share["high"]), 0.005, places=9)
        # P(Bin(10, 1/2) = 0) = 0.001 <= 0.005 < P(<= 1): first to last, and the last is never.
        self.assertEqual(cell["steps_sparse"], {"median": 55.0, "low": 10.0, "high": None, "never": 3})
        self.assertEqual((full["steps_sparse"]["median"], full["steps_sparse"]["never"]), (None, 10))
        with contextlib.redirect_stdout(output):
            main(["claims", str(path), "--cells"])
        self.assertIn("55 (10-?)", output.getvalue())
        self.assertIn("2 dead", output.getvalue())
        self.assertIn("not reached", output.getvalue())

    def test_classes_are_not_mixed(self):
        fitted, derived = mean_row({}, np.arange(20.0)), mean_row({}, np.arange(20.0), 9.5, 5.0)
        for kind, row in (("derived", fitted), ("fitted", derived), ("exact", derived)):
            with self.assertRaises(TypeError):
                judge_predictions([Prediction("a", kind, "", "", lambda evidence, row=row: [row])], None)
        verdicts = judge_predictions([Prediction("a", "fitted", "", "", lambda evidence: [fitted]),
                                      Prediction("b", "derived", "", "", lambda evidence: [derived]),
                                      Prediction("c", "derived", "", "", lambda evidence: "no data")], None)
        self.assertEqual([verdict.verdict for verdict in verdicts], [ESTIMATE, PASS, NOT_TESTED])

    def test_family_wise(self):
        """One hundred agreeing claims do not fail for one that is off by chance; Holm's bound counts all rows."""
        self.assertEqual(holm([0.004, 0.9, 0.006, 0.001]), [False, False, False, True])
        self.assertEqual(holm([0.0001, 0.003, 0.006]), [True, True, True])
        self.assertEqual(holm([]), [])
        rows = []
        for _ in range(100):
            row = mean_row({}, np.arange(20.0), 9.5, 5.0)
            row.p_different, row.p_equivalent = 0.002, 1e-6
            rows.append(row)
        verdict, = judge_predictions([Prediction("a", "derived", "", "", lambda evidence: rows)], None)
        self.assertEqual((verdict.verdict, verdict.held), (PASS, 100))
        rows[3].p_different = 5e-5
        verdict, = judge_predictions([Prediction("a", "derived", "", "", lambda evidence: rows)], None)
        self.assertEqual((verdict.verdict, verdict.violated), (FAIL, 1))


class Numbers(unittest.TestCase):
    def test_probability_of_a_long_start(self):
        # Chi-square of 2 degrees: P(||w0|| > 1) = exp(-1 / scale^2) exactly, which the bound must not be below.
        for scale in (0.1, 0.5, 0.9):
            self.assertGreaterEqual(longer_than_one(2, scale), np.exp(-(scale**-2)))
            self.assertLess(longer_than_one(2, scale), 3 * scale**-2 * np.exp(-(scale**-2)))
        self.assertEqual(longer_than_one(1000, 1.0), 1)

    def test_intervals_of_all_columns_at_once(self):
        columns = np.random.default_rng(7).normal(3, 1, size=(40, 5))
        columns[::3, 1] = np.nan
        columns[1:, 2] = np.nan
        columns[:, 3] = np.nan
        got = bootstrap_intervals(columns)
        for column in range(5):
            np.testing.assert_allclose(got[:, column], bootstrap_interval(columns[:, column]), rtol=1e-12)

    def test_intervals_of_many_seeds(self):
        values = np.random.default_rng(8).exponential(1, size=(20011, 1))
        mean, low, high = bootstrap_intervals(values)[:, 0]
        error = values.std() / np.sqrt(values.size)
        self.assertAlmostEqual(mean, values.mean(), delta=1e-12)
        self.assertAlmostEqual((high - low) / (2 * 1.96 * error), 1, delta=0.1)


if __name__ == "__main__":
    unittest.main()

"""The table that `sgdsweep export` writes, in the hands of the readers that people use: pandas, csv, json, R."""

import csv
import io
import json
import os
import shutil
import subprocess
import unittest

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from program import PROGRAM, ProgramTest

# 48 runs: some skipped (b = 12), diverging and oscillating ones among them.
GRID = """
activation: [relu, linear]
dimension: [8, 16]
batch_size: [n-1, 12, n]
step_size: [1.6, 30]
seed: {first: 7, count: 2}
init: {scale: 0.3}
stop: {max_steps: 3000}
"""
AXES = ["activation", "sampling", "dimension", "batch", "step_value", "seed"]


class Export(ProgramTest):
    def setUp(self):
        super().setUp()
        done, self.results = self.call(GRID)
        self.assertEqual(done.returncode, 0, done.stderr)

    def export(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, "export", self.results, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done

    def sweep_table(self):
        """The same runs through xarray, in run order."""
        with xr.open_dataset(self.results, engine="h5netcdf") as sweep:
            return sweep.load().to_dataframe(dim_order=AXES).reset_index()

    def assert_same(self, table, wanted):
        names = [name.split("[")[0] for name in table.columns]
        self.assertEqual(set(wanted.columns) - {"checksum"}, set(names) - {"run", "init_seed"})
        for name, column in zip(names, table.columns):
            if name in ("run", "init_seed", "status"):
                continue
            want, got = wanted[name].to_numpy(), table[column].to_numpy()
            if want.dtype.kind == "f" or got.dtype.kind == "f":
                np.testing.assert_array_equal(got.astype(float), want.astype(float), name)
            else:
                self.assertEqual([str(x) for x in got], [str(x) for x in want], name)

    def test_csv_in_pandas(self):
        wanted = self.sweep_table()
        done = (wanted.status >= 1) & (wanted.status <= 4)
        self.assertGreater((wanted.status == 3).sum(), 0, "the grid should have diverging runs")
        table = pd.read_csv(io.StringIO(self.export().stdout), float_precision="round_trip")
        self.assertEqual(list(table.run), list(np.flatnonzero(done)))
        self.assert_same(table, wanted[done])
        self.assertIn("steps[step]", table.columns)
        self.assertEqual(set(table.status), {("", "converged", "max_steps", "diverged", "dead")[code]
                                             for code in set(wanted.status[done])})

    def test_all_runs(self):
        wanted = self.sweep_table()
        table = pd.read_csv(io.StringIO(self.export("--all").stdout), float_precision="round_trip")
        self.assertEqual(list(table.run), list(range(len(wanted))))
        self.assertEqual(list(table.status == "skipped"), list(wanted.status == 5))
        skipped = table[table.status == "skipped"]
        self.assertTrue(skipped[["loss", "steps[step]", "eps", "batch_size"]].isna().all(axis=None))

    def test_json_lines(self):
        text = self.export("--format", "jsonl").stdout
        rows = [json.loads(line) for line in text.splitlines()]
        table = list(csv.DictReader(io.StringIO(self.export().stdout)))
        self.assertEqual(len(rows), len(table))
        for row, other in zip(rows, table):
            self.assertEqual([name.split("[")[0] for name in other], list(row))
            for value, cell in zip(row.values(), other.values()):
                if value is None:
                    self.assertEqual(cell, "")
                elif isinstance(value, str):
                    self.assertEqual(cell, value)
                else:
                    self.assertEqual(type(value)(cell), value)

    @unittest.skipUnless(shutil.which("Rscript"), "no R")
    def test_csv_in_r(self):
        out = self.folder / "r.csv"
        self.export("-o", out)
        code = "t <- read.csv(commandArgs(TRUE)[1]); cat(sprintf('%.17g', t$excess_loss), t$steps.step., nrow(t))"
        said = subprocess.run(["Rscript", "-e", code, out], capture_output=True, text=True, check=True).stdout.split()
        table = pd.read_csv(out, float_precision="round_trip")
        got = np.array([float("nan") if word == "NA" else float(word) for word in said])
        np.testing.assert_array_equal(got[-1], len(table))
        np.testing.assert_array_equal(got[len(table):-1], table["steps[step]"])
        np.testing.assert_allclose(got[: len(table)], table.excess_loss, rtol=1e-14)  # R's reader rounds its own way

    def test_files(self):
        out = self.folder / "out.jsonl"
        self.assertEqual(self.export("-o", out).stdout, "")
        self.assertEqual(out.read_text(), self.export("--format", "jsonl", "-o", "-").stdout)
        self.assertIn("exists already", self.export("-o", out, code=1).stderr)
        self.export("-o", self.folder / "no" / "such", code=1)
        self.assertEqual(sorted(os.listdir(self.folder)), ["1.h5", "1.h5.log", "1.yaml", "out.jsonl"])

    def test_standard_output(self):
        """A reader that goes away is no error; a full disk is."""
        for reader in ("head -n 1", "(exec 0<&-; sleep 0.2)", "(sleep 0.2)"):
            command = f"'{PROGRAM}' export '{self.results}' --all | {reader} > /dev/null; exit ${{PIPESTATUS[0]}}"
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""), reader)
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "export", self.results], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)

    def test_damaged_runs_are_left_out(self):
        with h5py.File(self.results, "r+") as file:
            loss = file["loss"][...]
            loss.reshape(-1)[1] += 1
            file["loss"][...] = loss
        done = self.export(code=3)
        self.assertIn("1 runs do not match", done.stderr)
        self.assertNotIn(1, list(pd.read_csv(io.StringIO(done.stdout)).run))

    def test_bad_uses(self):
        for arguments, code, word in (([], 2, "results file is missing"), ([self.results, "--format", "xls"], 2, "xls"),
                                      ([self.results, "b.h5"], 2, "too many"), ([self.results, "-o", ""], 2, "-o"),
                                      ([self.results, "--fast"], 2, "--fast"), (["none.h5"], 1, "none.h5"),
                                      ([self.folder / "1.yaml"], 3, "not an HDF5 file")):
            with self.subTest(arguments=arguments):
                done = subprocess.run([PROGRAM, "export", *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stderr)
                self.assertEqual((done.stderr.count("\n"), done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()

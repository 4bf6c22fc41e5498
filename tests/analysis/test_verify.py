"""`sgdsweep verify`: what is good is called good, what was damaged is found, named and mended."""

import json
import os
import random
import subprocess
import time
import unittest

import h5py
import numpy as np
from program import PROGRAM, ProgramTest

SEED = int(os.environ.get("SGDSWEEP_TEST_SEED", "20261123"))
GRID = """
dimension: [8, 12]
samples: d-1
sampling: [shuffle, with_replacement]
batch_size: [1, n/2, n, 9]
step_size: {scaled_by_batch: [0.1, 0.6]}
seed: {first: 5, count: 3}
stop: {max_steps: 1500}
"""
RECORDS = "record: {until: 100}\nweights: record\n"
CELLS = 2 * 2 * 2 * 4 * 2  # of 3 runs each; b = 9 does not fit n = 7


class Verify(ProgramTest):
    def verify(self, path, *arguments, code=0):
        command = [PROGRAM, "verify", path, "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def made(self, grid):
        done, results = self.call(grid)
        self.assertEqual(done.returncode, 0, done.stderr)
        return results

    def status(self, path):
        out = subprocess.run([PROGRAM, "status", path, "--json", "--digest"], capture_output=True, text=True)
        return json.loads(out.stdout)

    def test_good(self):
        for grid in (GRID, GRID + RECORDS + "walk: {bins: 8}\n", GRID + "weights: final\nwalk: {bins: 5, range: 2}\n"):
            results = self.made(grid)
            before = results.read_bytes()
            found = self.verify(results, "--all")
            finished = 3 * CELLS - found["skipped"]
            self.assertGreater(found["skipped"], 0)
            self.assertEqual((found["good"], found["wrong"], found["findings"]), (True, 0, []))
            self.assertEqual((found["trained"], found["trained_differ"], found["trained_left_out"]), (finished, 0, 0))
            self.assertGreater(found["reference"], 0)
            self.assertEqual((found["reference_differ"], found["reference"] + found["reference_left_out"]), (0, 16))
            self.assertEqual(found["results_digest"], self.status(results)["results_digest"])
            self.assertEqual(results.read_bytes(), before)

    def test_sample(self):
        """Distinct cells as long as there are; the same seed draws the same; time is bounded."""
        results = self.made(GRID)
        cells = CELLS - self.verify(results)["skipped"] // 3
        draws = [self.verify(results, "--sample", "10", "--seed", str(seed)) for seed in (1, 2, 1)]
        self.assertEqual(draws[0], draws[2])
        self.assertNotEqual(draws[0]["sample"], draws[1]["sample"])
        for found in (*draws, self.verify(results, "--sample", str(cells))):
            self.assertEqual(len({run // 3 for run in found["sample"]}), len(found["sample"]))
            self.assertEqual(len(found["sample"]), found["trained"])
        many = self.verify(results, "--sample", str(cells + 5))["sample"]
        self.assertEqual((len(set(many)), len({run // 3 for run in many})), (cells + 5, cells))
        self.assertEqual(self.verify(results, "--sample", "10000")["trained"], 3 * cells)
        none = self.verify(results, "--max-seconds", "0")
        self.assertEqual((none["trained"], none["trained_left_out"], none["reference"]), (0, 16, 0))
        self.assertEqual(self.verify(results, "--sample", "0")["sample"], [])

    def test_damage(self):
        """Bytes changed in any variable over runs, records and weights included; and bytes that are no status."""
        results, chance = self.made(GRID + RECORDS), random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        digest = self.status(results)["results_digest"]
        with h5py.File(results, "r+") as file:
            status = file["status"][...]
            runs = chance.sample(list(np.flatnonzero((status.reshape(-1) >= 1) & (status.reshape(-1) <= 4))), 8)
            for run, name in zip(runs, ["loss", "steps", "checksum", "norm_record", "weights", "selected_record"]):
                values = file[name][...]
                raw = values.reshape(status.size, -1).view("u1")
                raw[run, 0] ^= 1 << chance.randrange(8)
                file[name][...] = values
            for run, byte in zip(runs[6:], (77, 7)):
                status.reshape(-1)[run] = byte
            file["status"][...] = status
        found = self.verify(results, code=3)
        self.assertEqual((found["good"], found["wrong"], found["damaged"]), (False, 8, 6))
        texts = {finding["run"]: finding for finding in found["findings"]}
        self.assertEqual(set(texts), {int(run) for run in runs})
        self.assertIn("checksum", texts[runs[0]]["text"])
        self.assertIn("77", texts[runs[6]]["text"])
        seed = 5 + runs[0] % 3
        self.assertTrue(texts[runs[0]]["parameters"].endswith(f"seed {seed}"), texts[runs[0]])
        text = subprocess.run([PROGRAM, "verify", results], capture_output=True, text=True)
        self.assertEqual(text.returncode, 3)
        self.assertIn(f"run {runs[6]} (activation", text.stdout)
        self.assertEqual(text.stderr.count("\n"), 1)
        self.assertEqual(self.verify(results, "--repair", code=3)["repaired"], 8)
        self.assertEqual(self.status(results)["pending"], 8)
        self.assertEqual(self.verify(results)["pending"], 8)
        self.assertEqual(self.run_on(self.folder / "1.yaml", results, "none").returncode, 0)
        self.assertEqual(self.verify(results, "--all")["results_digest"], digest)
        self.assertIn('"event":"repair"', (self.folder / "1.h5.log").read_text())

    def test_wrong_but_whole(self):
        """Results that their checksums confirm and no trainer gives: only training again can tell."""
        results = self.folder / "f.h5"
        subprocess.run([os.environ["READERS_FILE"], results, "records"], check=True)
        finished = sum(self.status(results)[name] for name in ("converged", "max_steps", "diverged", "dead"))
        found = self.verify(results, "--sample", "18", "--max-seconds", "1e300", code=3)
        self.assertEqual((found["damaged"], found["trained"], found["trained_differ"]), (0, 18, 18))
        self.assertIn("trained again", found["findings"][0]["text"])
        self.assertEqual(self.verify(results, "--all", "--repair", code=3)["repaired"], finished)
        with h5py.File(results) as file:
            (self.folder / "f.yaml").write_text(bytes(file.attrs["grid"]).decode())
        self.assertEqual(self.run_on(self.folder / "f.yaml", results, "none").returncode, 0)
        self.assertTrue(self.verify(results, "--all")["good"])

    def test_structure(self):
        results = self.made(GRID)
        whole = results.read_bytes()
        results.write_bytes(whole[:2000] + bytes([whole[2000] ^ 4]) + whole[2001:])
        for arguments in ([], ["--repair"]):
            done = subprocess.run([PROGRAM, "verify", results, *arguments], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr.count("\n"), done.stdout), (3, 1, ""))
            self.assertIn("structure", done.stderr)

    def test_while_a_sweep_runs(self):
        grid, results = self.folder / "long.yaml", self.folder / "long.h5"
        grid.write_text("dimension: [64, 96]\nbatch_size: [1, n-1, n]\nstep_size: {scaled_by_batch: [0.03, 0.06]}\n"
                        "seed: {first: 1, count: 200}\n")
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        command = [PROGRAM, "run", grid, "-o", results, "--progress", "none"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as sweep:
            log = self.folder / "long.h5.log"
            while not (log.exists() and '"event":"block"' in log.read_text()):
                self.assertIsNone(sweep.poll())
                time.sleep(0.05)
            for _ in range(3):
                found = self.verify(results, "--sample", "3", "--max-seconds", "0.1")
                self.assertEqual((found["wrong"], found["trained_differ"]), (0, 0))
            refused = subprocess.run([PROGRAM, "verify", results, "--repair"], capture_output=True, text=True)
            self.assertIsNone(sweep.poll(), "the sweep ended too early to mean anything")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("another sweep or merge writes this file", refused.stderr)
            sweep.terminate()
            self.assertEqual(sweep.wait(), 75)
        self.assertTrue(self.verify(results, "--repair", "--max-seconds", "0.1")["good"])
        self.assertFalse((self.folder / "long.h5.lock").exists())

    def test_bad_uses(self):
        results = self.made(GRID)
        for arguments, code, word in (([], 2, "results file is missing"), ([results, results], 2, "too many"),
                                      ([results, "--sample", "-1"], 2, "-1"), ([results, "--sample", "x"], 2, "'x'"),
                                      ([results, "--sample", "10001"], 2, "10001"),
                                      ([results, "--sample", "3", "--all"], 2, "exclude"),
                                      ([results, "--seed", "1e3"], 2, "1e3"), ([results, "--fast"], 2, "--fast"),
                                      ([results, "--max-seconds", "nan"], 2, "nan"), (["no.h5"], 1, "no.h5"),
                                      ([self.folder / "1.yaml"], 3, "not an HDF5 file")):
            with self.subTest(arguments=arguments):
                done = subprocess.run([PROGRAM, "verify", *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stderr)
                self.assertEqual((done.stderr.count("\n"), done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main()

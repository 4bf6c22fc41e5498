"""What a power loss or a stray byte can leave: found by the checksums and done again; and files that are not ours."""

import json
import subprocess
import unittest

import h5py
import numpy as np
from program import PROGRAM, ProgramTest

GRID = "dimension: 4\nbatch_size: [1, n]\nstep_size: 0.2\nseed: {first: 1, count: 50}\n"
PENDING, NOT_NEEDED = 0, 7


class Damaged(ProgramTest):
    def setUp(self):
        super().setUp()
        self.done, self.results = self.call(GRID)
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        self.source = self.folder / "1.yaml"
        self.digest_before = self.status()["results_digest"]

    def status(self):
        out = subprocess.run([PROGRAM, "status", self.results, "--json", "--digest"], capture_output=True, text=True)
        return json.loads(out.stdout)

    def resumed(self, progress):
        done = self.run_on(self.source, self.results, progress)
        self.assertEqual(done.returncode, 0, done.stderr)
        status = self.status()
        self.assertEqual((status["pending"], status["damaged"]), (0, 0))
        self.assertEqual(status["results_digest"], self.digest_before)
        return done.stderr

    def break_checksums(self, runs):
        with h5py.File(self.results, "r+") as file:
            checksums = file["checksum"][...]
            checksums.reshape(-1)[:runs] ^= 1
            file["checksum"][...] = checksums

    def test_most_checksums_wrong(self):
        for runs, progress in ((150, "bar"), (150, "log"), (200, "bar")):
            self.break_checksums(runs)
            self.assertEqual(self.status()["damaged"], runs)
            said = self.resumed(progress)
            self.assertIn(f"{runs} runs do not match their checksums", said)
            self.assertIn(f"{200 - runs} runs done, {runs} to do", said)

    def test_status_without_results_is_not_believed(self):
        with h5py.File(self.results, "r+") as file:
            file["status"][...] = np.full(file["status"].shape, NOT_NEEDED, "i1")
        self.assertEqual(self.status()["pending"], 200)
        self.resumed("none")

    def test_results_overwritten(self):
        with h5py.File(self.results, "r+") as file:
            loss = file["loss"][...]
            loss.reshape(-1)[7] += 1e-15
            file["loss"][...] = loss
        self.assertEqual(self.status()["damaged"], 1)
        self.resumed("none")


class Foreign(ProgramTest):
    def test_files_of_others_are_left_alone(self):
        for ending in (".log", ".lock"):
            self.count += 1
            source, results = self.folder / "grid.yaml", self.folder / f"mine{ending[1:]}.h5"
            source.write_text(GRID)
            beside = results.with_name(results.name + ending)
            beside.write_text("my notes\n")
            done = self.run_on(source, results)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(str(beside), done.stderr)
            self.assertEqual(beside.read_text(), "my notes\n")
            self.assertFalse(results.exists())

    def test_an_old_log_moves_aside(self):
        done, results = self.call(GRID)
        self.assertEqual(done.returncode, 0, done.stderr)
        log = results.with_name(results.name + ".log")
        old = log.read_text()
        results.unlink()
        done = self.run_on(self.folder / "1.yaml", results)
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = list(self.folder.glob("*.log.old-*"))
        self.assertEqual([path.read_text() for path in kept], [old])


if __name__ == "__main__":
    unittest.main()

"""The program as a user runs it, for tests: a grid file in, an xarray Dataset out."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import xarray as xr

PROGRAM = os.environ.get("SGDSWEEP", "build/sgdsweep")


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.count = 0

    def call(self, grid, timeout=60):
        """Run a grid, given as text; the finished process and the results file."""
        self.count += 1
        source, results = self.folder / f"{self.count}.yaml", self.folder / f"{self.count}.h5"
        source.write_text(grid)
        return self.run_on(source, results, "none", timeout), results

    def run_on(self, source, results, progress="none", timeout=60):
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        return subprocess.run([PROGRAM, "run", source, "-o", results, "--progress", progress], env=environment,
                              capture_output=True, text=True, timeout=timeout)

    def sweep(self, grid):
        done, results = self.call(grid)
        self.assertEqual(done.returncode, 0, done.stderr)
        with xr.open_dataset(results, engine="h5netcdf") as sweep:
            return sweep.load()

    def digest(self, grid):
        done, results = self.call(grid)
        self.assertEqual(done.returncode, 0, done.stderr)
        out = subprocess.run([PROGRAM, "status", results, "--digest"], capture_output=True, text=True, check=True)
        lines = dict(line.split() for line in out.stdout.splitlines())
        self.assertEqual(lines["damaged"], "0")
        return lines["results_digest"]

    def refused(self, grid):
        """The line that says why a grid is refused."""
        done, results = self.call(grid)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse(results.exists())
        return done.stderr.strip().splitlines()[-1]

"""Sweeps cut into shards, grown and merged: the runs of one file in another, told by their parameters."""

import json
import os
import random
import subprocess
import threading
import time
import unittest

import h5py
import numpy as np
import xarray as xr
from program import PROGRAM, ProgramTest

SEED = int(os.environ.get("SGDSWEEP_TEST_SEED", "20261123"))
FULL = bool(os.environ.get("SGDSWEEP_TEST_FULL"))
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_mpi_yield_when_idle="1")

CHOICES = {
    "activation": ["relu", "linear"],
    "sampling": ["without_replacement", "cyclic"],
    "dimension": ["4", "8", "9"],
    "batch_size": ["n/2", "n", "1", "4", "n-1", "7"],  # n/2 and 4 are one at n = 8
    "step_size": ["0.1", "0.3", "2"],
    "seed": ["5", "0", "1", "2", "9"],
}
STOP = "stop: {max_steps: 60}\n"
GRID = "dimension: [8, 6]\nbatch_size: [n-1, 1, n/2]\nstep_size: [0.2, 0.1]\nseed: [3, 1, 2, 7, 8]\n" + STOP


class Merge(ProgramTest):
    def program(self, *arguments, code=0, launcher=()):
        done = subprocess.run([*launcher, PROGRAM, *arguments], env=ENVIRONMENT, capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}{done.stderr}")
        return done

    def path(self, name, grid=None):
        if grid:
            (self.folder / name).write_text(grid)
        return self.folder / name

    def made(self, name, grid, *options, code=0, launcher=()):
        out = self.path(name + ".h5")
        self.program("run", self.path(name + ".yaml", grid), "-o", out, "--progress", "log", *options, code=code,
                     launcher=launcher)
        return out

    def merge(self, name, *files, code=0):
        out = self.path(name)
        done = self.program("merge", "-o", out, *files, code=code)
        return out, done

    def status(self, path):
        return json.loads(self.program("status", path, "--json", "--digest").stdout)

    def rows(self, path):
        """Every finished run by its parameters: what export prints of it."""
        text = self.program("export", path, "--format", "jsonl").stdout
        runs = {}
        for line in text.splitlines():
            row = json.loads(line)
            key = tuple(row.pop(name) for name in ("activation", "sampling", "dimension", "samples", "batch_size",
                                                   "eps", "seed"))
            for name in ("run", "batch", "step_value", "eta"):
                row.pop(name)
            self.assertEqual(runs.setdefault(key, row), row)
        return runs

    def events(self, path, name):
        with open(f"{path}.log", encoding="utf-8") as log:
            return [event for event in map(json.loads, log) if event["event"] == name]

    # ---- merging

    def random_grid(self, chance, rest):
        lines = []
        for key, values in CHOICES.items():
            taken = chance.sample(values, chance.randint(1, min(3, len(values))))
            lines.append(f"{key}: [{', '.join(taken)}]")
        return "\n".join(lines) + "\n" + STOP + rest

    def test_in_any_order(self):
        """Commutative, associative, idempotent: to the byte; and what is in the result is what is in the inputs."""
        chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        for case in range(30 if FULL else 3):
            rest = chance.choice(["", "record: {until: 50, measures: [norm, selected]}\nweights: final\n",
                                  "record: {steps: [0, 7]}\nweights: record\nwalk: {bins: 4}\n"])
            a, b, c = (self.made(f"{case}{name}", self.random_grid(chance, rest)) for name in "abc")
            inputs = {}
            for file in (a, b, c):
                for key, row in self.rows(file).items():
                    self.assertEqual(inputs.setdefault(key, row), row)
            ways = {"abc": (a, b, c), "cab": (c, a, b), "aabca": (a, a, b, c, a)}
            made = []
            for name, files in ways.items():
                out = self.path(f"{case}{name}.h5")
                code = self.program_any("merge", "-o", out, *files)
                made.append((out, code))
            for name, first, second in (("(ab)c", (a, b), c), ("(bc)a", (b, c), a), ("(abc)b", (a, b, c), b)):
                part, out = self.path(f"{case}{name}part.h5"), self.path(f"{case}{name}.h5")
                self.program_any("merge", "-o", part, *first)
                made.append((out, self.program_any("merge", "-o", out, part, second)))
            self.assertEqual(len({out.read_bytes() for out, _ in made}), 1, SEED)
            self.assertEqual(len({code for _, code in made}), 1)
            out, code = made[0]
            self.assertEqual(self.rows(out), inputs)
            self.assertEqual(code, 75 if self.status(out)["pending"] else 0)
            self.program("verify", out, "--sample", "5", "--max-seconds", "1")
            self.assertFalse([name for name in os.listdir(self.folder) if ".merge-" in name])

    def program_any(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120)
        self.assertIn(done.returncode, (0, 75), done.stderr)
        return done.returncode

    def test_runs_in_no_input(self):
        a = self.made("a", GRID)
        b = self.made("b", GRID.replace("[8, 6]", "[9]").replace("[3, 1, 2, 7, 8]", "[4]"))
        out, done = self.merge("ab.h5", a, b, code=75)
        pending = 2 * 3 * 6 * 6 - 120 - 12  # of 2 activations, 3 dimensions, 6 cells each, 6 seeds
        self.assertIn(f"{pending} runs of its grid are in no file, such as run ", done.stderr)
        self.assertIn("dimension 6, batch", done.stderr)
        self.assertEqual(self.status(out)["pending"], pending)
        grid = self.path("ab.yaml", self.program("status", "--grid", out).stdout)
        self.assertEqual(self.run_on(grid, out, "none").returncode, 0)
        self.assertEqual(self.status(out)["results_digest"], self.status(self.made("ab2", grid.read_text()))[
            "results_digest"])

    def test_conflict(self):
        """One run with other bytes, and checksums that confirm them: named, and nothing is made."""
        fake = self.path("fake.h5")
        subprocess.run([os.environ["READERS_FILE"], fake], check=True)
        with h5py.File(fake) as file:
            grid = bytes(file.attrs["grid"]).decode()
            done = (file["status"][...] >= 1) & (file["status"][...] <= 4)
        true = self.made("true", grid)
        out, said = self.merge("out.h5", fake, true, code=3)
        self.assertIn("has other bytes", said.stderr)
        self.assertIn("(activation ", said.stderr)
        self.assertEqual(said.stderr.count("\n"), 1)
        self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("out")])
        self.assertTrue(done.any())

    def test_damaged_inputs(self):
        a, b = self.made("a", GRID), self.made("b", GRID)
        digest = self.status(a)["results_digest"]
        with h5py.File(a, "r+") as file:
            file["norm"][0, 0, 0, 0, 0, :2] = 1.25
        out, done = self.merge("ab.h5", a, b)
        self.assertIn("2 runs do not match their checksums", done.stderr)
        self.assertEqual(self.status(out)["results_digest"], digest)
        out, done = self.merge("a2.h5", a, self.made("c", GRID.replace("[8, 6]", "[9]")), code=3)
        error = [line for line in done.stderr.splitlines() if "error: " in line]
        self.assertEqual(len(error), 1, done.stderr)
        self.assertIn(f"2 runs of {a} do not match their checksums and are in no other file, such as run 0 (", error[0])
        self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("a2")])
        # what then? its sweep does them again, or the merged file does
        self.program("verify", "--repair", "--sample", "0", a, code=3)
        out, done = self.merge("a2.h5", a, a, code=75)
        self.assertEqual(self.status(out)["pending"], 2)

    def test_one_at_a_time(self):
        """Several merges into one file at once: one makes it, the others say so."""
        parts = [self.made(f"part{k}", GRID, "--shard", f"{k}/2") for k in (1, 2)]
        wanted, _ = self.merge("wanted.h5", *parts)
        for case in range(3):
            out = self.path(f"{case}.h5")
            merges = [subprocess.Popen([PROGRAM, "merge", "-o", out, *parts], env=ENVIRONMENT, text=True,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
            said = [merge.communicate(timeout=120)[1] for merge in merges]
            self.assertEqual(sorted(merge.returncode for merge in merges), [0, 1, 1], said)
            for text in said:
                self.assertRegex(text, r"^$|^sgdsweep: error: .*(exists already|another sweep or merge writes this "
                                       r"file: host .*, pid \d+)\n$")
            self.assertEqual(out.read_bytes(), wanted.read_bytes())
            self.assertEqual(sorted(name for name in os.listdir(self.folder) if name.startswith(f"{case}.h5")),
                             [f"{case}.h5", f"{case}.h5.log"])

    def test_while_another_makes_it(self):
        """Somebody on another host has the lock, and there is a half-made file of theirs: both stay, whatever process
        ids mean here."""
        a, out = self.made("a", GRID), self.path("out.h5")
        theirs = self.path("out.h5.merge-999999999", "half of it")
        lock, stop = self.path("out.h5.lock", " " * 512), threading.Event()

        def beat():
            owner = {"host": "elsewhere", "pid": 999999999, "slurm_job": "", "restarts": 0, "counter": 0}
            while not stop.wait(0.05):
                owner["counter"] += 1
                with open(lock, "r+b") as file:
                    file.write(json.dumps(owner).ljust(511).encode() + b"\n")

        thread = threading.Thread(target=beat)
        thread.start()
        while lock.read_bytes()[:1] != b"{":
            time.sleep(0.01)
        try:
            said = self.program("merge", "-o", out, a, code=1).stderr
        finally:
            stop.set()
            thread.join()
        self.assertIn("another sweep or merge writes this file: host elsewhere, pid 999999999", said)
        self.assertEqual(said.count("\n"), 1)
        self.assertEqual((theirs.read_text(), lock.stat().st_size, out.exists()), ("half of it", 512, False))
        lock.unlink()
        self.merge("out.h5", a)
        self.assertFalse(theirs.exists())

    def test_never_overwrites(self):
        a = self.made("a", GRID)
        before = a.read_bytes()
        for taken in (a, self.path("a.yaml")):
            self.assertIn("exists already", self.program("merge", "-o", taken, a, a, code=1).stderr)
        self.assertEqual(a.read_bytes(), before)

    # ---- shards

    def test_shards(self):
        whole = self.made("whole", GRID)
        parts = []
        for i in (1, 2, 3):
            parts.append(self.path(f"part{i}.h5"))
            self.program("run", self.path("whole.yaml"), "-o", parts[-1], "--shard", f"{i}/3", "--progress", "none")
        self.assertEqual([self.status(part)["runs"] for part in parts], [48, 48, 24])
        out, _ = self.merge("out.h5", *parts[::-1])
        self.assertEqual(self.status(out)["results_digest"], self.status(whole)["results_digest"])
        self.assertEqual(self.rows(out), self.rows(whole))
        with xr.open_dataset(out) as merged, xr.open_dataset(whole) as wanted:
            wanted = wanted.sel(activation=merged.activation, dimension=merged.dimension, batch=merged.batch,
                                step_value=merged.step_value, seed=merged.seed)
            for name in wanted.data_vars:
                np.testing.assert_array_equal(merged[name].values, wanted[name].values, name)
        # the same shard again goes on with its file; another one does not
        self.program("run", self.path("whole.yaml"), "-o", parts[0], "--shard", "1/3", "--progress", "none")
        said = self.program("run", self.path("whole.yaml"), "-o", parts[0], "--shard", "2/3", code=2).stderr
        self.assertIn("another grid: seed", said)

    # ---- growing

    def test_reuse(self):
        """A larger grid takes what two smaller ones have, in any order of axes, under any number of ranks."""
        old = [self.made("old1", GRID), self.made("old2", GRID.replace("[3, 1, 2, 7, 8]", "{first: 10, count: 3}"))]
        grid = ("dimension: [6, 12, 8]\nbatch_size: [1, 4, n/2, n-1]\nstep_size: {linear: [0.1, 0.3], points: 3}\n"
                "sampling: [cyclic, without_replacement]\nseed: {first: 0, count: 14}\n" + STOP)
        wanted = self.status(self.made("whole", grid))
        for ranks in (0, 3):
            launcher = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks)] if ranks else []
            new = self.made(f"new{ranks}", grid, "--reuse", *old, "--yes", launcher=launcher)
            self.assertEqual(self.status(new)["results_digest"], wanted["results_digest"])
            copied = [event["copied"] for event in self.events(new, "reuse")]
            # 2 activations, 2 dimensions, 2 steps; 5 and 3 seeds; batch 1, n/2, n-1, and 4 where it is n/2
            self.assertEqual(copied, [2 * 2 * 7 * 5, 2 * 2 * 7 * 3])
            trained = sum(event["count"] for event in self.events(new, "block"))
            self.assertEqual(trained + sum(copied), wanted["runs"] - wanted["skipped"])
        again = self.made("new0", grid, "--reuse", *old)
        self.assertEqual([event["copied"] for event in self.events(again, "reuse")][2:], [0, 0])

    def test_what_is_reused(self):
        """Records, step limits, tolerances, starts, damage: only what the new sweep would give is taken."""
        records = ("record: {steps: [0, 1, 10, 40], measures: [norm, max_share, active]}\nweights: record\n"
                   "walk: {bins: 6}\n")
        old = self.made("old", GRID + records)
        limited = self.made("limited", GRID.replace("max_steps: 60", "max_steps: 40000"))
        short = int((xr.open_dataset(limited).steps.values < 9000).sum())
        self.assertTrue(0 < short < 120, short)
        with h5py.File(limited, "r+") as file:
            file["loss"][0, 0, 0, 0, 0, 0] += 1
        cases = [
            (old, GRID, 120, ""), (old, GRID + "record: {steps: [1, 40], measures: active}\n", 120, ""),
            (old, GRID + records.replace("0, 1, 10, 40", "1, 40"), 120, ""),
            (old, GRID + "record: {steps: [1, 41], measures: active}\n", 0, "records"),
            (old, GRID + "record: {steps: [1, 40], measures: loss}\n", 0, "records"),
            (old, GRID + "walk: {bins: 6}\n", 120, ""), (old, GRID + "walk: {bins: 7}\n", 0, "bins"),
            (old, GRID + "weights: final\n", 0, "weights"), (limited, GRID + records, 0, "weights"),
            (old, GRID.replace("max_steps: 60", "max_steps: 61"), None, ""),
            (limited, GRID.replace("max_steps: 60", "max_steps: 9000"), None, ""),
            (old, GRID.replace("60}", "60, tol: 1e-5}"), 0, "stop: tol: 9.9999999999999995e-07 there, 1"),
            (old, GRID + "init: {scale: 0.2}\n", 0, "init: scale"), (old, GRID + "batches: common\n", 0, "batches"),
            (old, GRID + "init: {seed: 7}\n", 24, ""), (old, GRID.replace("[8, 6]", "[5, 7]"), 0, ""),
        ]
        for i, (file, grid, copied, why) in enumerate(cases):
            with self.subTest(grid=grid):
                new = self.made(f"new{i}", grid, "--reuse", file)
                event = self.events(new, "reuse")[0]
                self.assertEqual(self.status(new)["results_digest"],
                                 self.status(self.made(f"fresh{i}", grid))["results_digest"])
                self.assertEqual(new.read_bytes(), self.path(f"fresh{i}.h5").read_bytes())
                if copied is None:
                    limit = 61 if file == old else 9000
                    damaged = int(file == limited)  # the first run
                    with h5py.File(file) as there:
                        ended = (there["status"][...] != 2) & (there["steps"][...] < limit)
                    ended = int(ended.reshape(-1)[damaged:].sum())
                    self.assertEqual(event["damaged"], damaged)
                    self.assertEqual((event["copied"], event["other_limit"]), (ended, 120 - damaged - ended))
                else:
                    self.assertEqual(event["copied"], copied)
                    self.assertIn(why, event["why_not"])
                    self.assertEqual(bool(event["why_not"]), bool(why))

    def test_another_version(self):
        """Runs of another algorithm are left where they are, with one line."""
        old = self.made("old", GRID)
        with h5py.File(old, "r+") as file:
            file.attrs.modify("algorithm_version", np.array([99], "i4"))
        os.unlink(f"{old}.log")
        done = self.program("run", self.path("old.yaml"), "-o", self.path("new.h5"), "--reuse", old)
        self.assertEqual(done.stderr.count("algorithm version 99"), 1)
        self.assertIn("version 99", self.program("merge", "-o", self.path("m.h5"), old, code=2).stderr)

    def test_precision(self):
        """Grids that take as many seeds as a precision needs: halves merge to the whole; what differs is refused."""
        grid = ("activation: relu\ndimension: [6, 4]\nbatch_size: [1, n]\nstep_size: 0.2\n" + STOP +
                "seed: {until: {measure: converged, half_width: 0.3, looks: [4, 8, 16]}}\n")
        whole = self.made("whole", grid)
        parts = [self.made(f"part{d}", grid.replace("[6, 4]", d)) for d in "64"]
        out, _ = self.merge("out.h5", *parts)
        wanted, status = self.status(whole), self.status(out)
        self.assertEqual((status["results_digest"], status["not_needed"]),
                         (wanted["results_digest"], wanted["not_needed"]))
        self.assertTrue(json.loads(self.program("verify", out, "--json").stdout)["good"])
        again, _ = self.merge("again.h5", out, parts[0])
        self.assertEqual(again.read_bytes(), out.read_bytes())
        new = self.made("new", grid, "--reuse", parts[0])
        self.assertEqual(self.status(new)["results_digest"], wanted["results_digest"])
        self.assertGreater(self.events(new, "reuse")[0]["copied"], 0)
        other = self.made("other", grid.replace("0.3", "0.25"))
        self.assertIn("seed", self.program("merge", "-o", self.path("no.h5"), whole, other, code=2).stderr)
        self.assertIn("seed: until", self.program("run", self.path("whole.yaml"), "-o", self.path("no.h5"), "--shard",
                                                  "1/2", code=2).stderr)

    # ---- killed

    def test_killed(self):
        """A merge killed at any moment leaves no output or a whole one; the next one clears what it left behind."""
        chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        parts = [self.made(f"part{k}", GRID, "--shard", f"{k}/5") for k in range(1, 6)]
        wanted, _ = self.merge("wanted.h5", *parts)
        killed = 0
        for case in range(60 if FULL else 12):
            out = self.path(f"{case}.h5")
            merge = subprocess.Popen([PROGRAM, "merge", "-o", out, *parts], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 0.08))
            merge.kill()
            killed += merge.wait() != 0
            if not out.exists():
                self.merge(out.name, *parts)
                self.assertEqual([name for name in os.listdir(self.folder) if ".merge-" in name], [])
            self.assertEqual(out.read_bytes(), wanted.read_bytes())
        self.assertGreater(killed, 0)

    # ---- refused

    def test_bad_uses(self):
        a = self.made("a", GRID)
        other = self.made("b", GRID + "weights: final\n")
        grid, out, none = self.path("a.yaml"), self.path("out.h5"), self.path("none.h5")
        run = ["run", grid, "-o", out]
        cases = [(["merge"], 2, "-o OUT is missing"), (["merge", "-o", out], 2, "results file to merge is missing"),
                 (["merge", a], 2, "-o"), (["merge", "-o", out, a, "--fast"], 2, "--fast"),
                 (["merge", "-o", out, a, none], 1, "none.h5"), (["merge", "-o", out, grid], 3, "not an HDF5 file"),
                 (["merge", "-o", out, a, other], 2, "weights: none here, final there"),
                 (["merge", "-o", self.folder / "no" / "out.h5", a], 1, "no"),
                 ([*run, "--shard", "6/6"], 2, "slice 6 of 6 of 5 seeds"), ([*run, "--shard", "0/2"], 2, "0/2"),
                 ([*run, "--shard", "3/2"], 2, "3/2"), ([*run, "--shard", "2"], 2, "'2'"),
                 ([*run, "--shard", "1/2/3"], 2, "1/2/3"), ([*run, "--shard", "1/"], 2, "'1/'"),
                 ([*run, "--reuse", none], 1, "none.h5"), ([*run, "--reuse", grid], 3, "not an HDF5 file"),
                 ([*run, "--reuse"], 2, "needs a value"), (["run", grid, "-o", a, "--reuse", a], 2, "file to be made"),
                 (["run", "-o", out, "--reuse", a, grid], 2, "grid file is missing")]
        for arguments, code, word in cases:
            with self.subTest(arguments=arguments):
                said = [line for line in self.program(*arguments, code=code).stderr.splitlines()
                        if "predicted" not in line]
                self.assertEqual(len(said), 1, said)
                self.assertIn(word, said[0])
                self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("out")])


if __name__ == "__main__":
    unittest.main()

"""Whole sweeps: the program as a user runs it, on several ranks, stopped, killed and resumed.

    SGDSWEEP=build/sgdsweep python3 test_sweep.py [SweepTest.test_...]

The expectation is always the digest of an undisturbed sweep on one rank.
"""
import json
import math
import os
import random
import signal
import time
import unittest

from sweep_scene import SEED, SMALL, SweepScene

STOP_S = 30  # far more than a stop takes; the machine may be busy

# The same runs as SMALL, listed in another order.
SMALL_SHUFFLED = """
seed: [20, 19, 18, 17, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 14, 13, 12]
step_size: {scaled_by_batch: [0.2, 0.1]}
batch_size: [n, 12, 1, n/2, n-1]
dimension: [32, 8]
activation: [relu, linear]
"""

# A tenth of a core-second of work for each seed, in runs of some milliseconds.
LONG = """
activation: [linear, relu]
dimension: [64, 96]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {first: 1, count: %d}
"""


class SweepTest(SweepScene):
    # ---- the same bits from any number of ranks

    def test_rank_counts(self):
        grid = self.grid(SMALL)
        expected = self.sweep(grid, "0.h5")
        for ranks in (1, 2, 3, 5):
            self.assertEqual(self.sweep(grid, f"{ranks}.h5", ranks), expected, f"{ranks} ranks")
            blocks = self.events(f"{ranks}.h5", "block")
            self.assertEqual(sum(block["count"] for block in blocks), 720)  # 800, 80 of them skipped: b = 12 at n = 8
            self.assertEqual(self.events(f"{ranks}.h5", "start")[0]["ranks"], ranks)
            self.assertEqual(self.events(f"{ranks}.h5", "complete")[0]["results_digest"], expected)
        self.assertEqual(self.sweep(grid, "d.h5", 3, options=["--master", "dedicated"]), expected)
        self.assertNotIn(0, {block["rank"] for block in self.events("d.h5", "block")})

    def test_more_ranks_than_work(self):
        grid = self.grid("activation: relu\ndimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: [1, 2, 3]\n")
        self.assertEqual(self.sweep(grid, "5.h5", 5), self.sweep(grid, "1.h5"))

    def test_grid_in_another_order(self):
        expected = self.sweep(self.grid(SMALL), "a.h5")
        self.assertEqual(self.sweep(self.grid(SMALL_SHUFFLED, "other.yaml"), "b.h5", 2), expected)
        self.assertNotEqual(self.status("a.h5")["grid_digest"], self.status("b.h5")["grid_digest"])

    def test_processor_features(self):
        grid = self.grid(SMALL)
        plain = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4"}
        self.assertEqual(self.sweep(grid, "plain.h5", 2, env=plain), self.sweep(grid, "all.h5"))

    def test_weights(self):
        grid = self.grid(SMALL + "weights: final\n")
        self.assertEqual(self.sweep(grid, "2.h5", 2), self.sweep(grid, "1.h5"))

    def test_samplings_and_records(self):
        """All samplings from any number of ranks; what is recorded changes no result."""
        grid = SMALL + "sampling: [with_replacement, cyclic, shuffle, without_replacement]\n"
        expected = self.sweep(self.grid(grid), "plain.h5", 2)
        for more in ("record: ladder\nwalk: {bins: 8}\n", "record: {steps: [0, 1, 10, 100]}\nweights: record\n",
                     "weights: final\n"):
            files = []
            for ranks in (1, 2, 3):
                files.append(f"{ranks}.h5")
                self.assertEqual(self.sweep(self.grid(grid + more), files[-1], ranks), expected, f"{more}{ranks} ranks")
            contents = set()
            for file in files:  # records and weights too: equal grids give equal files
                with open(self.path(file), "rb") as stream:
                    contents.add(stream.read())
                os.unlink(self.path(file))
            self.assertEqual(len(contents), 1, more)

    def test_large_records_are_written_in_small_blocks(self):
        """80 MB of weights a dozen runs: blocks stay below 64 MB, and so does what a rank holds of one."""
        grid = self.grid("activation: linear\ndimension: 4000\nbatch_size: 4000\nstep_size: {scaled_by_batch: 0.1}\n"
                         "seed: {first: 1, count: 12}\nstop: {max_steps: 250}\n"
                         "record: {steps: {linear: [0, 249], points: 250}, measures: none}\nweights: record\n")
        self.sweep(grid, "large.h5", 2)
        self.assertLessEqual(max(block["count"] for block in self.events("large.h5", "block")), 8)

    # ---- what was predicted, and what it took

    def test_prediction(self):
        """status --json adds up what the log's blocks say, by cell and over lives."""
        self.sweep(self.grid(SMALL), "a.h5", 2)
        blocks = self.events("a.h5", "block")
        found = self.status("a.h5", digest=False)["prediction"]
        for key, sums in (("predicted_s", "predicted_s"), ("measured_s", "seconds")):
            self.assertAlmostEqual(found[key], sum(block[sums] for block in blocks), delta=1e-4 * found[key])
        with open(self.path("a.h5.log"), encoding="utf-8") as log:
            first = log.readline()
        # cells of 20 seeds: 0 well predicted over two lives, 4 and 5 in one block, 6 not, 7 too short to count, 8 with
        # a run that went on from a state, 9 in the next life, where that does not matter any more
        events = [{"event": "block", "first": 0, "count": 15, "predicted_s": 1.5, "seconds": 1.25},
                  {"event": "block", "first": 80, "count": 40, "predicted_s": 6, "seconds": 9.5},
                  {"event": "block", "first": 120, "count": 20, "predicted_s": 2, "seconds": 8},
                  {"event": "block", "first": 140, "count": 20, "predicted_s": 8, "seconds": 0.5},
                  {"event": "state_restored", "run": 173}, {"event": "state_restored", "run": 187},
                  {"event": "block", "first": 160, "count": 20, "predicted_s": 100, "seconds": 1},
                  {"event": "resume"},
                  {"event": "block", "first": 15, "count": 5, "predicted_s": 0.5, "seconds": 0.75},
                  {"event": "block", "first": 180, "count": 20, "predicted_s": 3, "seconds": 2.5},
                  {"event": "block", "first": 790, "count": 20, "predicted_s": 1000, "seconds": 1}]  # no such runs
        with open(self.path("a.h5.log"), "w", encoding="utf-8") as log:
            log.write(first + "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
            log.write('{"event":"block","first":0,"count":20,"predi')
        found = self.status("a.h5", digest=False)["prediction"]
        self.assertAlmostEqual(found["predicted_s"], 1.5 + 6 + 2 + 8 + 0.5 + 3)
        self.assertAlmostEqual(found["measured_s"], 1.25 + 9.5 + 8 + 0.5 + 0.75 + 2.5)
        cells = {cell["first_run"]: cell for cell in found["cells"]}
        self.assertEqual(set(cells), {0, 80, 100, 120, 180})
        self.assertEqual([cell["measured_s"] for cell in found["cells"]],
                         sorted((cell["measured_s"] for cell in found["cells"]), reverse=True))
        self.assertAlmostEqual(cells[80]["measured_s"] + cells[100]["measured_s"], 9.5)
        self.assertAlmostEqual(cells[80]["measured_s"] / cells[80]["predicted_s"], 9.5 / 6)
        self.assertAlmostEqual(cells[0]["predicted_s"], 2)
        self.assertEqual((cells[0]["activation"], cells[0]["n"], cells[0]["b"]), ("linear", 8, 1))
        self.assertEqual((found["cells_over_1_s"], found["within_1_5"], found["worst"]), (5, 2, 4))
        os.unlink(self.path("a.h5.log"))
        self.assertIsNone(self.status("a.h5", digest=False)["prediction"])

    # ---- killed, stopped, resumed

    def test_kill(self):
        grid = self.grid(LONG % 80)
        expected = self.sweep(grid, "whole.h5", 2)
        chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        lives = 0
        while lives < 3:
            process = self.start(2, "run", grid, "-o", self.path("killed.h5"))
            logged = len(self.events("killed.h5", "block")) if lives else 0
            self.wait_for_blocks(process, "killed.h5", logged + 1 + chance.randrange(3))
            self.kill_all(process)
            lives += 1
            status = self.status("killed.h5")
            self.assertGreater(status["pending"], 0, "killed too late to mean anything")
            self.assertGreater(status["converged"], 0)
        self.assertEqual(self.sweep(grid, "killed.h5", 2), expected)
        resumed = self.events("killed.h5", "resume")
        self.assertEqual(len(resumed), lives)
        self.assertEqual(sorted(event["done"] for event in resumed), [event["done"] for event in resumed])
        self.assertGreater(resumed[0]["done"], 0)

    def stopped(self, ranks, request, file):
        """Start, let request(process) ask for a stop, expect exit 75 and a file that resumes to the right digest."""
        grid = self.grid(LONG % 60)
        process = self.start(ranks, "run", grid, "-o", self.path(file))
        self.wait_for_blocks(process, file, 2)
        asked = time.time()
        request(process)
        done = self.finish(process)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertLess(time.time() - asked, STOP_S)
        status = self.status(file)
        self.assertGreater(status["pending"], 0)
        self.assertFalse(status["complete"])
        self.assertEqual(len(self.events(file, "stop")), 1)
        self.assertEqual(self.sweep(grid, file, 2), self.sweep(grid, "whole.h5", 2))
        trained = sum(block["count"] for block in self.events(file, "block"))
        self.assertEqual(trained, status["runs"] - status["skipped"])  # none twice

    def test_stopped_with_records(self):
        """A file that was stopped and resumed is the undisturbed one, byte by byte, with records, weights, walks."""
        grid = self.grid(LONG % 60 + "record: {until: 10000, measures: [max_share, selected]}\nweights: record\n"
                         "walk: {bins: 8}\n")
        process = self.start(2, "run", grid, "-o", self.path("a.h5"))
        self.wait_for_blocks(process, "a.h5", 2)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(self.finish(process).returncode, 75)
        status = self.status("a.h5")
        self.assertGreater(status["pending"], 0)
        self.assertEqual(status["damaged"], 0)
        self.assertEqual(self.sweep(grid, "a.h5", 2), self.sweep(grid, "whole.h5"))
        with open(self.path("a.h5"), "rb") as resumed, open(self.path("whole.h5"), "rb") as whole:
            self.assertTrue(resumed.read() == whole.read())

    def test_signal_to_mpirun(self):
        self.stopped(2, lambda process: process.send_signal(signal.SIGUSR1), "a.h5")

    def test_signal_to_a_rank(self):
        self.stopped(3, lambda process: os.kill(self.ranks_of(process)[-1], signal.SIGUSR1), "a.h5")

    def test_signals_without_mpirun(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with self.subTest(number=number):
                grid = self.grid(LONG % 60)
                process = self.start(0, "run", grid, "-o", self.path(f"{number}.h5"))
                self.wait_for_blocks(process, f"{number}.h5", 1)
                process.send_signal(number)
                self.assertEqual(self.finish(process).returncode, 75)
                self.assertGreater(self.status(f"{number}.h5")["pending"], 0)

    def test_time_limits(self):
        """Three lives that end early, on a grid of a minute: an option, a deadline that is past, and one to come."""
        plan = self.program(0, "plan", self.grid(LONG % 20, "measured.yaml"), "--json").stdout
        grid = self.grid(LONG % math.ceil(20 * 60 / json.loads(plan)["core_seconds"]))
        began = time.time()
        self.program(2, "run", grid, "-o", self.path("a.h5"), "--max-seconds", "2", code=75)
        self.assertLess(time.time() - began, 2 + STOP_S)
        first = self.status("a.h5")
        self.assertGreater(first["pending"], 0)
        self.assertGreater(first["converged"], 0)
        past = {"SGDSWEEP_DEADLINE": str(time.time() - 1)}
        self.program(2, "run", grid, "-o", self.path("a.h5"), env=past, code=75)
        self.assertEqual(self.status("a.h5")["results_digest"], first["results_digest"])
        self.program(2, "run", grid, "-o", self.path("a.h5"), env={"SGDSWEEP_DEADLINE": str(time.time() + 4)}, code=75)
        self.assertGreater(self.status("a.h5")["converged"], first["converged"])

    def test_complete_is_left_alone(self):
        grid = self.grid(SMALL)
        expected = self.sweep(grid, "a.h5", 2)
        with open(self.path("a.h5"), "rb") as file:
            before = file.read()
        self.assertEqual(self.sweep(grid, "a.h5", 3), expected)
        with open(self.path("a.h5"), "rb") as file:
            self.assertEqual(file.read(), before)

    def test_damaged_runs_are_done_again(self):
        grid = self.grid(SMALL)
        expected = self.sweep(grid, "a.h5", 2)
        begin, size = self.events("a.h5", "create")[0]["extents"]["loss"]
        chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        done = [block["first"] + i for block in self.events("a.h5", "block") for i in range(block["count"])]
        self.assertEqual(size, 8 * 800)
        with open(self.path("a.h5"), "r+b") as file:
            for run in chance.sample(done, 5):
                file.seek(begin + 8 * run)
                file.write(b"damaged!")
        damaged = self.program(0, "status", self.path("a.h5"), "--digest", "--json", code=3)
        self.assertEqual(json.loads(damaged.stdout)["damaged"], 5)
        self.assertEqual(self.sweep(grid, "a.h5", 2), expected)
        self.assertEqual(self.events("a.h5", "resume")[0]["damaged"], 5)
        self.assertEqual(self.events("a.h5", "resume")[0]["to_do"], 5)

    # ---- refused

    def test_another_grid(self):
        self.sweep(self.grid(SMALL), "a.h5")
        other = self.grid(SMALL.replace("[0.1, 0.2]", "[0.1, 0.3]"), "other.yaml")
        for ranks in (0, 2):
            done = self.program(ranks, "run", other, "-o", self.path("a.h5"), code=2)
            self.assertEqual(done.stderr.count("another grid"), 1, done.stderr)
            self.assertIn("step", done.stderr)
            self.assertIn("0.3", done.stderr)

    def test_running_twice(self):
        grid = self.grid(LONG % 400)
        first = self.start(2, "run", grid, "-o", self.path("a.h5"))
        self.wait_for_blocks(first, "a.h5", 1)
        done = self.program(0, "run", grid, "-o", self.path("a.h5"), code=1)
        self.assertIn(os.uname().nodename, done.stderr)
        self.assertIsNone(first.poll())
        first.send_signal(signal.SIGUSR1)
        self.assertEqual(self.finish(first).returncode, 75)

    def test_core_hours(self):
        grid = self.grid(LONG.replace("[0.03, 0.06]", "[0.0001]") % 40)  # many core-hours on any machine
        for ranks in (0, 2):
            done = self.program(ranks, "run", grid, "-o", self.path("a.h5"), code=2)
            self.assertEqual(done.stderr.count("--yes"), 1, done.stderr)
            self.assertIn("core-hours", done.stderr)
        self.assertFalse(os.path.exists(self.path("a.h5")))
        limit = ["--max-seconds", "0.3"]
        self.program(0, "run", grid, "-o", self.path("a.h5"), *limit, env={"SLURM_JOB_ID": "1"}, code=75)
        self.program(0, "run", grid, "-o", self.path("a.h5"), *limit, "--yes", code=75)

    def test_bad_command_lines(self):
        grid = self.grid(SMALL)
        out = self.path("a.h5")
        cases = [([], "verb"), (["fly"], "fly"), (["run", grid], "-o"), (["run", "-o", out], "grid"),
                 (["run", grid, "-o"], "needs a value"), (["run", grid, "-o", out, "--fast"], "--fast"),
                 (["run", grid, "-o", out, "-x"], "-x"), (["run", grid, grid, "-o", out], "too many"),
                 (["run", grid, "-o", out, "--progress", "loud"], "loud"),
                 (["run", grid, "-o", out, "--yes=1"], "takes no value"),
                 (["run", grid, "-o", out, "--master", "me"], "me"),
                 (["run", grid, "-o", out, "--max-seconds", "soon"], "soon"),
                 (["run", grid, "-o", out, "--max-seconds", "-1"], "-1"),
                 (["run", grid, "-o", out, "--max-seconds", "nan"], "nan"),
                 (["status"], "missing"), (["status", "--fast"], "--fast"), (["plan"], "missing"),
                 (["plan", grid, "--hours"], "--hours"),
                 (["plan", grid, "--ranks", "0"], "--ranks '0'"), (["plan", grid, "--hours", "no"], "--hours 'no'"),
                 (["plan", grid, "--speed", grid], "bench --json")]
        for arguments, word in cases:
            with self.subTest(arguments=arguments):
                done = self.program(0, *arguments, code=2)
                self.assertIn(word, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertEqual(done.stdout, "")
        done = self.program(3, "run", grid, "-o", out, "--fast", code=2)
        self.assertEqual(done.stderr.count("--fast"), 1, "one voice for all ranks")
        done = self.program(0, "run", grid, "-o", out, env={"SGDSWEEP_DEADLINE": "tomorrow"}, code=2)
        self.assertIn("tomorrow", done.stderr)
        self.assertFalse(os.path.exists(out))

    def test_bad_files(self):
        grid = self.grid(SMALL)
        out = self.path("a.h5")
        bad = self.grid("dimension: [4, 4]\n", "bad.yaml")
        noise = self.path("noise.h5")
        with open(noise, "wb") as file:
            file.write(random.Random(SEED).randbytes(10000))
        cases = [(["run", self.path("none.yaml"), "-o", out], 1, "none.yaml"),
                 (["run", bad, "-o", out], 2, "bad.yaml:1:"),
                 (["run", grid, "-o", self.path("no/folder/a.h5")], 1, "no/folder"),
                 (["run", grid, "-o", os.path.join(grid, "a.h5")], 1, "grid.yaml"),
                 (["run", grid, "-o", "/proc/a.h5"], 1, "/proc"), (["run", grid, "-o", noise], 3, "noise.h5"),
                 (["status", self.path("none.h5")], 1, "none.h5"), (["status", noise], 3, "noise.h5"),
                 (["plan", self.path("none.yaml")], 1, "none.yaml"), (["plan", bad], 2, "bad.yaml:1:")]
        for arguments, code, word in cases:
            for ranks in (0, 2) if arguments[0] == "run" else (0,):
                with self.subTest(arguments=arguments, ranks=ranks):
                    done = self.program(ranks, *arguments, code=code)
                    lines = [line for line in done.stderr.splitlines() if "error: " in line]
                    self.assertEqual(len(lines), 1, done.stderr)
                    self.assertIn(word, lines[0])
        self.assertFalse(os.path.exists(out))

    # ---- what it prints

    def check_plan(self, grid, plan):
        """The plan of a small grid of 720 runs to do, and of a file of it that is done."""
        self.assertEqual((plan["pending_runs"], plan["ranks"], plan["suggested_ranks"]), (720, 1, 1))
        self.assertAlmostEqual(plan["predicted_core_seconds"] / plan["core_seconds"], 1, places=5)
        self.assertGreaterEqual(plan["makespan_seconds"], plan["predicted_core_seconds"] * 0.999)
        self.assertGreater(plan["suggested_seconds"], plan["makespan_seconds"])
        self.assertGreater(plan["memory_per_rank_bytes"], 10**7)
        bench = self.path("bench.json")
        with open(bench, "w") as speed:
            speed.write(self.program(0, "bench", "--seconds", "0.2", "--repeats", "1", "--json").stdout)
        four, again = [json.loads(self.program(0, "plan", grid, "--ranks", "4", "--speed", bench, "--json").stdout)
                       for _ in range(2)]
        self.assertEqual(four, again)
        self.assertEqual(four["ranks"], 4)
        self.assertLess(four["makespan_seconds"], four["predicted_core_seconds"])
        self.program(1, "run", grid, "-o", self.path("planned.h5"))
        left = json.loads(self.program(0, "plan", grid, "-o", self.path("planned.h5"), "--json").stdout)
        self.assertEqual((left["pending_runs"], left["predicted_core_seconds"], left["makespan_seconds"]), (0, 0, 0))

    def test_output(self):
        grid = self.grid(SMALL)
        for verb in ("run", "status", "plan"):
            self.assertIn("usage: ", self.program(0, verb, "--help").stdout)
        version = self.program(0, "--version").stdout
        for word in ("sgdsweep", "Open MPI", "HDF5", "GSL"):
            self.assertIn(word, version)
        plan = json.loads(self.program(0, "plan", grid, "--json").stdout)
        self.assertEqual((plan["runs"], plan["cells"], plan["skipped"]), (800, 40, 80))
        self.assertGreater(plan["core_seconds"], 0)
        self.check_plan(grid, plan)
        done = self.program(2, "run", grid, "-o", self.path("a.h5"), "--progress", "log")
        self.assertEqual(done.stdout, "")
        self.assertIn("core-hours", done.stderr)
        self.assertIn("720 of 720 runs", done.stderr)
        size = os.path.getsize(self.path("a.h5"))
        self.assertLess(abs(plan["file_bytes"] - size), max(0.02 * size, 65536))
        bar = self.program(0, "run", grid, "-o", self.path("b.h5"), "--progress", "bar").stderr
        self.assertIn("[########################] 100.0%", bar)
        status = self.status("a.h5", digest=False)
        self.assertEqual(set(status), {"runs", "pending", "converged", "max_steps", "diverged", "dead", "skipped",
                                       "failed", "not_needed", "complete", "grid_digest", "prediction"})
        self.assertEqual((status["runs"], status["skipped"], status["complete"]), (800, 80, True))
        self.assertNotIn("a.h5.lock", os.listdir(self.folder))


if __name__ == "__main__":
    unittest.main()

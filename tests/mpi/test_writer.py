"""Results that go through one rank a node, or through rank 0: the same file as when each rank writes its own.

    SGDSWEEP=build/sgdsweep python3 test_writer.py [WriterTest.test_...]

Nodes are pretended: SGDSWEEP_RANKS_PER_NODE makes nodes of so many ranks. The expectation is always the digest of an
undisturbed sweep on one rank.
"""
import os
import random
import signal
import unittest

from sweep_scene import SEED, SMALL, SweepScene

WRITERS = ("all", "node", "root")

# A tenth of a core-second of work for each seed, in runs of some milliseconds.
LONG = """
activation: [linear, relu]
dimension: [64, 96]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: [0.03, 0.06]}
seed: {first: 1, count: %d}
"""
PAIRS = {"SGDSWEEP_RANKS_PER_NODE": "2"}


class WriterTest(SweepScene):
    def start_event(self, file):
        return [event for event in self.events(file) if event["event"] in ("start", "resume")][-1]

    # ---- the same results on every way

    def test_rank_counts(self):
        grid = self.grid(SMALL)
        expected = self.sweep(grid, "0.h5")
        for ranks in (1, 2, 3, 5):
            for writer in ("node", "root") if ranks in (2, 3) else ("root",) if ranks == 1 else WRITERS:
                file = f"{writer}{ranks}.h5"
                self.assertEqual(self.sweep(grid, file, ranks, env=PAIRS, options=["--writer", writer]), expected, file)
                start, writes = self.start_event(file), self.events(file, "writes")[0]
                blocks = self.events(file, "block")
                self.assertEqual((start["writer"], start["writer_why"], start["nodes"]),
                                 (writer, "asked for", (ranks + 1) // 2))
                self.assertEqual(sum(block["count"] for block in blocks), 720)
                self.assertLessEqual({block["rank"] for block in blocks}, set(range(ranks)))
                self.assertEqual(writes["pieces"], len(blocks))
                self.assertLessEqual(writes["writes"], len(blocks))
                sent = {"all": 0, "node": ranks // 2, "root": ranks - 1}[writer]  # ranks that do not write themselves
                self.assertGreaterEqual(writes["row_messages"], sent)
                if sent == 0:
                    self.assertEqual(writes["row_messages"], 0)

    def test_records_are_the_same_bytes(self):
        """With records and weights the files are equal, byte by byte."""
        grid = self.grid(SMALL + "record: {steps: [0, 1, 10, 100]}\nweights: record\nwalk: {bins: 8}\n")
        contents = set()
        for writer, ranks in (("all", 1), ("node", 5), ("root", 3)):
            self.sweep(grid, f"{writer}.h5", ranks, env=PAIRS, options=["--writer", writer])
            with open(self.path(f"{writer}.h5"), "rb") as file:
                contents.add(file.read())
        self.assertEqual(len(contents), 1)

    def test_dedicated_master(self):
        grid = self.grid(SMALL)
        expected = self.sweep(grid, "1.h5")
        options = ["--writer", "root", "--master", "dedicated"]
        self.assertEqual(self.sweep(grid, "root.h5", 3, options=options), expected)
        self.assertNotIn(0, {block["rank"] for block in self.events("root.h5", "block")})

    def test_large_rows(self):
        """A block whose rows are larger than what is held together."""
        grid = self.grid("activation: linear\ndimension: 2000\nbatch_size: 2000\nstep_size: {scaled_by_batch: 0.1}\n"
                         "seed: {first: 1, count: 12}\nstop: {max_steps: 150}\n"
                         "record: {steps: {linear: [0, 149], points: 150}, measures: none}\nweights: record\n")
        self.assertEqual(self.sweep(grid, "root.h5", 3, options=["--writer", "root"]), self.sweep(grid, "all.h5"))

    def test_seeds_until(self):
        """Decisions need their runs: nothing is held, and rank 0 alone writes what follows from them."""
        grid = self.grid("activation: relu\ndimension: [8, 16]\nbatch_size: [1, n/2, n]\n"
                         "step_size: {scaled_by_batch: 0.2}\n"
                         "seed: {until: {measure: sparse, half_width: 0.1, confidence: 0.95, looks: [16, 64, 256]}}\n")
        expected = self.sweep(grid, "1.h5")
        for writer in ("node", "root"):
            file = f"{writer}.h5"
            self.assertEqual(self.sweep(grid, file, 3, env=PAIRS, options=["--writer", writer]), expected)
            self.assertEqual(self.events(file, "complete")[0]["results_digest"], expected)

    def test_default(self):
        """One node: every rank its own; several on a local file system too, and the log says why."""
        grid = self.grid(SMALL)
        self.sweep(grid, "a.h5", 3)
        self.sweep(grid, "b.h5", 3, env=PAIRS)
        one, two = self.start_event("a.h5"), self.start_event("b.h5")
        self.assertEqual((one["writer"], one["writer_why"], one["nodes"]), ("all", "one node", 1))
        self.assertEqual((two["writer"], two["nodes"]), ("all", 2))
        self.assertIn("2 nodes on ", two["writer_why"])

    # ---- killed, stopped, resumed, on every way

    def disturbed(self, writer, file, disturb):
        """A sweep that is disturbed with results on their way, and what its file says then."""
        process = self.start(4, "run", self.path("long.yaml"), "-o", self.path(file), "--writer", writer, env=PAIRS)
        self.wait_for_blocks(process, file, 3)
        disturb(process)
        code = self.finish(process).returncode
        status = self.status(file)
        self.assertGreater(status["pending"], 0, "disturbed too late to mean anything")
        self.assertEqual((status["damaged"], status["failed"]), (0, 0))
        return code, sum(status[name] for name in ("converged", "max_steps", "diverged", "dead"))

    def test_kill_and_stop(self):
        """On every way, in its middle; each goes on on another to the same digest."""
        chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        grid = self.grid(LONG % 24, "long.yaml")
        expected = self.sweep(grid, "whole.h5", 2)
        for writer in WRITERS:
            with self.subTest("killed", writer=writer):
                file = f"killed-{writer}.h5"
                _, finished = self.disturbed(writer, file, self.kill_ranks)
                # all that the log says is done is in the file
                self.assertGreaterEqual(finished, sum(block["count"] for block in self.events(file, "block")))
                again = ["--writer", chance.choice(WRITERS)]
                self.assertEqual(self.sweep(grid, file, 3, env=PAIRS, options=again), expected)
        for writer in ("node", "root"):
            with self.subTest("stopped", writer=writer):
                file = f"stopped-{writer}.h5"
                code, finished = self.disturbed(writer, file, lambda process: process.send_signal(signal.SIGUSR1))
                self.assertEqual(code, 75)
                # all that came to its end before the stop was written, and all that was written was counted
                self.assertEqual(sum(block["count"] for block in self.events(file, "block")), finished)
                again = ["--writer", chance.choice(WRITERS)]
                self.assertEqual(self.sweep(grid, file, 3, env=PAIRS, options=again), expected)

    def kill_ranks(self, process):
        for pid in [process.pid, *self.ranks_of(process)]:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()

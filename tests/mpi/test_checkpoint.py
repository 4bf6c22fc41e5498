"""Long runs: stopped and killed in the middle, they go on from where they were saved, on any number of ranks.

    SGDSWEEP=build/sgdsweep python3 test_checkpoint.py [CheckpointTest.test_...]

The expectation is always the undisturbed sweep: its digest, and the number of steps that it trained.
"""
import ctypes
import os
import random
import shutil
import signal
import time
import unittest

from sweep_scene import SEED, LongScene

RECORDS = "record: {until: 10000000, measures: [max_share, selected, norm]}\nweights: record\nwalk: {bins: 8}\n"


class CheckpointTest(LongScene):
    # ---- stopped

    def test_many_lives(self):
        """Stopped again and again with changing ranks: every byte and not one step more than the undisturbed sweep."""
        grid = self.long(more=RECORDS)
        expected = self.sweep(grid, "whole.h5", 2)
        ranks, lives = [1, 3, 2], 0
        while True:
            limit = str(0.6 * 1.1**lives)  # the machine may be busy
            process = self.start(ranks[lives % 3], "run", grid, "-o", self.path("a.h5"), "--max-seconds", limit)
            done = self.finish(process)
            lives += 1
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertLess(lives, 60)
            self.assertLessEqual(len(self.states("a.h5")), ranks[(lives - 1) % 3], self.states("a.h5"))
        self.assertGreater(lives, 2, "too fast to mean anything")
        self.assertEqual(self.status("a.h5")["results_digest"], expected)
        self.assertEqual(self.steps("a.h5"), self.steps("whole.h5"))
        self.assert_same_file("a.h5", "whole.h5")
        self.assertFalse(os.path.exists(self.path("a.h5") + ".ckpt"))
        stops = self.events("a.h5", "stop")
        self.assertEqual(len(stops), lives - 1)
        self.assertGreater(sum(stop["saved_runs"] for stop in stops), 0)
        restored = self.events("a.h5", "state_restored")
        self.assertGreater(max(event["steps"] for event in restored), 1000000)
        print(f"{lives} lives, longest stop {max(stop['stopping_s'] for stop in stops):.3f} s")

    def test_signals_in_storms(self):
        """Whichever ranks get a signal, how often and when: one stop, nothing lost."""
        print(f"SGDSWEEP_TEST_SEED={SEED}")
        chance = random.Random(SEED)
        grid = self.long()
        expected = self.sweep(grid, "whole.h5", 2)
        for life in range(3):
            process = self.start(3, "run", grid, "-o", self.path("a.h5"))
            self.wait_for(process, "a.h5", "resume" if life else "start", max(life, 1))
            ranks = self.ranks_of(process)
            for _ in range(chance.randrange(1, 12)):
                try:
                    os.kill(chance.choice(ranks), chance.choice([signal.SIGUSR1, signal.SIGTERM]))
                except ProcessLookupError:
                    break
                time.sleep(chance.choice([0, 0, 0.001, 0.02]))
            done = self.finish(process)
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertEqual(len(self.events("a.h5", "stop")), life + 1)
        self.assertEqual(self.sweep(grid, "a.h5", 2), expected)
        self.assertEqual(self.steps("a.h5"), self.steps("whole.h5"))

    def test_stopping_is_quick(self):
        """States of 1.6 MB: from the signal to the end, and what the program says of it."""
        grid = self.grid("activation: relu\ndimension: 200000\nbatch_size: n-1\nstep_size: {scaled_by_batch: 0.1}\n"
                         "seed: {first: 1, count: 8}\n")
        process = self.start(2, "run", grid, "-o", self.path("a.h5"), "--yes")
        self.wait_for(process, "a.h5")
        time.sleep(1)
        asked = time.time()
        process.send_signal(signal.SIGUSR1)
        done = self.finish(process)
        took = time.time() - asked
        self.assertEqual(done.returncode, 75, done.stderr)
        stop = self.events("a.h5", "stop")[0]
        saved = self.events("a.h5", "checkpoint")
        self.assertGreater(stop["saved_runs"], 0)
        self.assertGreater(stop["saved_bytes"], stop["saved_runs"] * 1600000)
        self.assertIn("stopping took", done.stderr)
        writing = max(event["seconds"] for event in saved)
        print(f"signal to end {took:.2f} s, stopping {stop['stopping_s']:.2f} s, of it {writing:.2f} s for "
              f"{stop['saved_bytes'] / 1e6:.1f} MB")
        self.assertLess(stop["stopping_s"], 2 + writing)

    def test_interrupted_twice(self):
        """A stop that hangs, for a rank that does not answer, is cut short by a second INT; nothing is lost."""
        grid = self.long(seconds=1.5)
        process = self.start(2, "run", grid, "-o", self.path("a.h5"))
        self.wait_for(process, "a.h5")
        first, second = self.ranks_of(process)
        os.kill(second, signal.SIGSTOP)
        os.kill(first, signal.SIGINT)
        time.sleep(1)
        self.assertIsNone(process.poll())
        os.kill(first, signal.SIGINT)
        began = time.time()
        done = self.finish(process)
        self.assertNotIn(done.returncode, (0, 75))
        self.assertLess(time.time() - began, 20)
        self.assertEqual(self.sweep(grid, "a.h5", 2), self.sweep(grid, "whole.h5"))

    # ---- killed

    def test_killed_between_checkpoints(self):
        """SIGKILL costs what was trained since the last checkpoint, and not more."""
        grid = self.long(more=RECORDS)
        expected = self.sweep(grid, "whole.h5", 2)
        process = self.start(2, "run", grid, "-o", self.path("a.h5"), "--checkpoint", "0.2")
        self.wait_for(process, "a.h5", "checkpoint", 3)
        self.kill_all(process)
        saved = self.events("a.h5", "checkpoint")
        finished = self.status("a.h5")["converged"]
        self.assertGreater(len(self.states("a.h5")), 0)
        self.assertEqual(self.sweep(grid, "a.h5", 3), expected)
        self.assert_same_file("a.h5", "whole.h5")
        restored = self.events("a.h5", "state_restored")
        self.assertEqual(len(restored), self.events("a.h5", "resume")[0]["states"])
        self.assertGreater(len(restored) + finished, 0)
        self.assertFalse(any(event["stopping"] for event in saved))
        if finished == 0:
            self.assertEqual(self.steps("a.h5") + sum(event["steps"] for event in restored), self.steps("whole.h5"))
        self.assertEqual(self.states("a.h5"), [])

    def test_a_rank_dies(self):
        """The job ends within seconds, says which rank it was, and resumes."""
        grid = self.long()
        self.env.pop("OMPI_MCA_orte_execute_quiet", None)  # it is mpirun that says it
        process = self.start(3, "run", grid, "-o", self.path("a.h5"), "--checkpoint", "0.2")
        self.wait_for(process, "a.h5", "checkpoint", 2)
        os.kill(self.ranks_of(process)[1], signal.SIGKILL)
        began = time.time()
        done = self.finish(process)
        self.assertNotIn(done.returncode, (0, 75))
        self.assertLess(time.time() - began, 20)
        self.assertIn("signal 9", done.stderr)
        self.assertEqual(self.sweep(grid, "a.h5", 2), self.sweep(grid, "whole.h5", 2))

    def test_killed_while_opening(self):
        """What a kill inside of MPI_File_open leaves on the node stops nobody."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.sem_open.restype = ctypes.c_void_p
        name = f"OMPIO_{os.path.basename(self.folder)}.h5".encode()
        self.assertTrue(libc.sem_open(name, os.O_CREAT, 0o644, 0))
        try:
            grid = self.grid("dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: [1, 2, 3]\n")
            for ranks in (0, 2):
                self.sweep(grid, f"{os.path.basename(self.folder)}.h5", ranks)
        finally:
            libc.sem_unlink(name)

    def test_killed_while_creating(self):
        """Half-made files of creations that are dead go; those of the living, and what only looks alike, stay."""
        gone = self.start(0, "--version")
        self.finish(gone)
        dead = [f"a.h5.new-{gone.pid}-0", f"a.h5.newlog-{gone.pid}-3"]
        others = [f"a.h5.new-{os.getpid()}-0", "a.h5.new-1", "a.h5.new-x-0", f"a.h5.new-{gone.pid}-0.txt",
                  f"b.h5.new-{gone.pid}-0", "a.h5.newer"]
        for name in dead + others:
            with open(self.path(name), "w", encoding="ascii") as file:
                file.write("half")
        self.sweep(self.grid("dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: [1, 2, 3]\n"), "a.h5")
        left = os.listdir(self.folder)
        self.assertEqual([name for name in dead if name in left], [])
        self.assertEqual([name for name in others if name not in left], [])

    # ---- states that are of no use

    def test_damaged_states(self):
        grid = self.long(seconds=1.5)
        expected = self.sweep(grid, "whole.h5")
        self.life(1, grid, "a.h5", seconds=0.4)
        self.life(1, self.long("other.yaml", seconds=1.75), "other.h5", seconds=0.4)
        (state,) = self.states("a.h5")
        with open(os.path.join(self.path("a.h5") + ".ckpt", state), "rb") as file:
            good = file.read()
        (other,) = self.states("other.h5")
        with open(os.path.join(self.path("other.h5") + ".ckpt", other), "rb") as file:
            foreign = file.read()
        flipped = bytearray(good)
        flipped[len(good) // 2] ^= 4
        cases = {"damaged": flipped, "cut short": good[:30], "bytes of": good[:-8], "no state file": b"x" * 5000,
                 "another grid": foreign, "": good}
        for word, content in cases.items():
            with self.subTest(word=word):
                file = f"{word.replace(' ', '-')}.h5"
                shutil.copy(self.path("a.h5"), self.path(file))
                shutil.copy(self.path("a.h5.log"), self.path(file) + ".log")
                os.mkdir(self.path(file) + ".ckpt")
                with open(os.path.join(self.path(file) + ".ckpt", state), "wb") as stream:
                    stream.write(content)
                done = self.life(2, grid, file, code=0)
                ignored = self.events(file, "state_ignored")
                lines = [line for line in done.stderr.splitlines() if "state ignored" in line]
                self.assertEqual(len(ignored), 1 if word else 0)
                self.assertEqual(len(lines), 1 if word else 0, done.stderr)
                for text in lines + [event["text"] for event in ignored]:
                    self.assertIn(word, text)
                    self.assertIn(state, text)
                self.assertEqual(self.status(file)["results_digest"], expected)
                # what is another sweep's is left alone
                self.assertEqual(self.states(file), [state] if word == "another grid" else [])

    def test_older_state_of_the_same_run(self):
        """Of two states of a run the one with more steps wins; both go when the sweep is complete."""
        grid = self.long(seconds=2)
        expected = self.sweep(grid, "whole.h5")
        self.life(1, grid, "a.h5", seconds=0.3)
        (first,) = self.states("a.h5")
        keep = os.path.join(self.path("a.h5") + ".ckpt", first)
        with open(keep, "rb") as file:
            old = file.read()
        self.life(1, grid, "a.h5", seconds=0.3)
        before = len(self.events("a.h5", "state_restored"))
        with open(keep, "wb") as file:
            file.write(old)
        self.life(2, grid, "a.h5", code=0)
        self.assertEqual(self.status("a.h5")["results_digest"], expected)
        self.assertEqual(self.steps("a.h5"), self.steps("whole.h5"))
        self.assertGreaterEqual(len(self.events("a.h5", "state_restored")), before)
        self.assertEqual(self.states("a.h5"), [])

    # ---- limits

    def test_bytes_are_bounded(self):
        """States of 1104 bytes, behind 64 of the file: none, or one, fits in."""
        grid = self.long(seconds=1.5)
        done = self.life(1, grid, "a.h5", "--checkpoint-max-bytes", "1k", seconds=0.4)
        stop = self.events("a.h5", "stop")[0]
        self.assertEqual(stop["saved_runs"], 0)
        self.assertGreater(stop["unsaved_runs"], 0)
        self.assertEqual(done.stderr.count("--checkpoint-max-bytes is 1000"), 1, done.stderr)
        self.assertEqual(self.states("a.h5"), [])
        self.life(1, grid, "a.h5", "--checkpoint-max-bytes", "2000", seconds=0.4)
        self.assertEqual(self.events("a.h5", "stop")[1]["saved_runs"], 1)
        (state,) = self.states("a.h5")
        self.assertLessEqual(os.path.getsize(os.path.join(self.path("a.h5") + ".ckpt", state)), 2000)
        self.assertEqual(self.sweep(grid, "a.h5", 2), self.sweep(grid, "whole.h5"))
        self.assertEqual(len(self.events("a.h5", "state_restored")), 1)
        self.assertGreater(self.steps("a.h5"), self.steps("whole.h5"))

    def test_no_place_for_states(self):
        """A sweep whose states cannot be written stops all the same, says so, and starts its runs over."""
        grid = self.long()
        with open(self.path("a.h5.ckpt"), "w", encoding="ascii") as file:
            file.write("in the way")
        done = self.life(2, grid, "a.h5", "--checkpoint", "0.1", seconds=0.8)
        self.assertIn("a.h5.ckpt", done.stderr)
        self.assertIn("start over", done.stderr)
        self.assertEqual(self.events("a.h5", "stop")[0]["saved_runs"], 0)
        self.assertEqual(self.sweep(grid, "a.h5", 2), self.sweep(grid, "whole.h5"))

    def test_options(self):
        grid = self.long()
        for option, value in (("--checkpoint", "-1"), ("--checkpoint", "often"), ("--checkpoint-max-bytes", "0"),
                              ("--checkpoint-max-bytes", "1.5M"), ("--checkpoint-max-bytes", "5X"),
                              ("--checkpoint-max-bytes", "9999999999G")):
            done = self.life(0, grid, "a.h5", option, value, code=2)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(value, done.stderr)
            self.assertIn("accepted", done.stderr)
        self.assertFalse(os.path.exists(self.path("a.h5")))


if __name__ == "__main__":
    unittest.main()

"""Calls that fail, one after the other: at every call site of the program (tests/fault/shim.c says what that is), and
of I/O inside of HDF5 and MPI. Expected each time: one clear line, an exit code that says failure, no hang, nothing
leaked, no damaged file, and the same command again completes with the digest of an undisturbed sweep.

    SGDSWEEP=build/sgdsweep SGDSWEEP_SHIM_LIBRARY=build/tests/libfault_shim.so python3 tests/fault/test_injection.py

By default the n-th call for n = 1, 2, 3, ... of the rare classes and a sample of the others; all of them in the long
tier. What failed is printed as the environment that does it again.
"""
import errno
import os
import re
import unittest
from collections import Counter

from lab import FULL, FaultTest

HANGS_S = 120

TINY = """
activation: relu
dimension: [4, 6]
batch_size: [1, n]
step_size: {scaled_by_batch: 0.3}
seed: {first: 1, count: 3}
record: {steps: [0, 3], measures: norm}
"""

# Class of calls: errno, and how many of the sites each test looks at by default (None: all of them).
CLASSES = {
    "open": (errno.EACCES, None), "read": (errno.EIO, None), "write": (errno.ENOSPC, None), "sync": (errno.EIO, None),
    "close": (errno.EIO, None), "link": (errno.EIO, None), "space": (errno.ENOSPC, None), "stat": (errno.EIO, None),
    "process": (errno.EAGAIN, None), "stdio": (errno.ENOSPC, 6), "memory": (errno.ENOMEM, 16), "hdf5": (errno.EIO, 16),
    "mpi": (errno.EIO, 5)}
LEFT_BY_SWEEPS = {"a.h5", "a.h5.log", "a.h5.lock", "a.h5.new", "a.h5.newlog"}  # the last two of processes that died
SAYS_WHY = ("open", "write", "sync", "space")  # whose reason is the system's and reaches the user


class Outcome:
    def __init__(self, done, report):
        self.code, self.errors, self.text = done.returncode, FaultTest.error_lines(done), done.stderr
        self.fired = [f"{name} at {int(site):#x}" for kind, name, site in report if kind == "fired"]
        self.leaks = [f"{int(site):#x}" for kind, _, site in report if kind == "leak"]
        self.calls = Counter({name: int(count) for kind, name, count in report if kind == "calls"})


class InjectionTest(FaultTest):
    in_memory = True
    writer = "all"

    def setUp(self):
        super().setUp()
        self.write("grid.yaml", TINY)
        self.expected = self.sweep("grid.yaml", "whole.h5")
        self.codes = Counter()

    def tearDown(self):
        print(f"{sum(self.codes.values())} failures injected; exit codes {dict(sorted(self.codes.items()))}")
        super().tearDown()

    # ---- one injection

    def inject(self, what, ranks=0, rank=None, path=None):
        """One run of the program with a failing call; `what` as in SGDSWEEP_SHIM."""
        # what fails from some call on for ever is not worth the rests between tries, which would take half a minute
        options = ["--fail-fast"] if what.split()[3] != "1" and what.split()[1] != "none" else []
        process = self.start_with_shim(ranks, *self.arguments, *options, shim=what, rank=rank, path=path)
        done = self.finish(process, HANGS_S)
        return Outcome(done, self.shim_report())

    @property
    def arguments(self):
        return ["run", self.path("grid.yaml"), "-o", self.path("a.h5"), "--progress", "none", "--writer", self.writer]

    def judge(self, name, what, outcome):
        """What a failing call may do, and what it must leave behind. Exit code 3 only where HDF5 itself is made to
        fail: what it does not say cannot be told from damage."""
        place = f"SGDSWEEP_SHIM='{what}': {outcome.fired}\n{outcome.text}"
        self.codes[outcome.code] += 1
        if os.environ.get("SGDSWEEP_TEST_SHOW"):
            print(outcome.code, what, outcome.fired, outcome.errors)
        self.assertIn(outcome.code, (0, 1, 3) if name == "hdf5" else (0, 1), place)
        self.assertEqual(len(outcome.errors), int(outcome.code != 0), place)
        if outcome.code == 1 and name in SAYS_WHY:
            self.assertIn(os.strerror(CLASSES[name][0]), outcome.errors[0], place)
        if name != "mpi":  # those end in MPI_Abort
            self.assertEqual(outcome.leaks, [], place)
        self.check_file(place)

    def check_file(self, place):
        """A file that is there opens, has no damaged run, and resumes to the digest; a sweep of it leaves nothing of an
        earlier one behind, nor of the libraries under it."""
        if os.path.exists(self.path("a.h5")):
            status = self.status("a.h5")
            self.assertEqual(status["damaged"], 0, place)
            if status["complete"]:
                self.assertEqual(status["results_digest"], self.expected, place)
            if not status["complete"] or self.left() - LEFT_BY_SWEEPS:
                self.assertEqual(self.sweep("grid.yaml", "a.h5"), self.expected, place)
        self.assertLessEqual(self.left(), LEFT_BY_SWEEPS, place)

    def left(self):
        return {re.sub(r"-\d+(-\d+)?$", "", name) for name in os.listdir(self.folder) if name.startswith("a.h5")}

    def begin(self, half):
        """No file, or one of which every other run is to do again."""
        self.remove_sweep("a.h5")
        if not half:
            return
        log = self.read("whole.h5.log")
        begin, size = self.events("whole.h5", "create")[0]["extents"]["status"]
        file = bytearray(self.read("whole.h5"))
        file[begin:begin + size:2] = bytes(len(file[begin:begin + size:2]))
        self.write("a.h5", bytes(file))
        self.write("a.h5.log", log)

    def count_calls(self, half, **more):
        self.begin(half)
        outcome = self.inject("own none 0 0 0", **more)
        self.assertEqual((outcome.code, outcome.leaks), (0, []), outcome.text)
        return outcome.calls

    def choose(self, calls, most):
        """The n to try: all, or the first and the last one and a sample between."""
        if FULL or most is None or calls <= most:
            return range(1, calls + 3)  # until none fires: a failure may change how many there are
        return sorted({1, calls, *self.chance.sample(range(2, calls), most - 2)})

    def try_classes(self, half, most=None, **more):
        calls = self.count_calls(half, **more)
        names = sorted(CLASSES) if FULL or not more else self.chance.sample(sorted(CLASSES), 3)
        for name in names:
            number, usual = CLASSES[name]
            limit = usual if most is None else most
            for n in self.choose(calls[name], limit):
                what = f"own {name} {n} 1 {number}"
                self.begin(half)
                with self.subTest(what=what, half=half, **more):
                    outcome = self.inject(what, **more)
                    if outcome.fired:
                        self.judge(name, what, outcome)
                    elif n > calls[name]:
                        break

    # ---- the tests

    def test_own_calls_of_a_new_sweep(self):
        self.try_classes(half=False)

    def test_own_calls_of_a_resumed_sweep(self):
        self.try_classes(half=True, most=None if FULL else 4)

    def test_own_calls_of_one_rank_of_two(self):
        for rank in (0, 1) if FULL else (self.chance.randrange(2),):
            self.writer = self.chance.choice(("all", "root"))
            self.try_classes(half=self.chance.random() < 0.5, most=None if FULL else 5, ranks=2, rank=rank)

    def test_io_inside_of_libraries(self):
        """From the n-th call on a disk that takes nothing more, or gives nothing more, under HDF5 and MPI-IO."""
        for name, number in (("write", errno.ENOSPC), ("write", errno.EIO), ("read", errno.EIO), ("sync", errno.EIO),
                             ("open", errno.EACCES), ("space", errno.ENOSPC)):
            fired, n = True, 1
            while fired and (FULL or n < 2000):
                what = f"lib {name} {n} 1000000 {number}"
                self.begin(half=self.chance.random() < 0.3)
                outcome = self.inject(what, path="a.h5$")
                fired = bool(outcome.fired)
                if fired:
                    with self.subTest(what=what):
                        self.judge("lib", what, outcome)
                n += 1 if FULL or n < 3 else self.chance.randrange(n // 2, 2 * n)

    def test_io_inside_of_libraries_on_one_rank(self):
        for name, number in (("write", errno.ENOSPC), ("read", errno.EIO)):
            for n in range(1, 60) if FULL else (1, self.chance.randrange(2, 20)):
                rank = self.chance.randrange(2)
                self.writer = self.chance.choice(("all", "root"))
                what = f"lib {name} {n} 1000000 {number}"
                self.begin(half=True)
                outcome = self.inject(what, path="a.h5$", ranks=2, rank=rank)
                if outcome.fired:
                    with self.subTest(what=what, rank=rank):
                        self.judge("lib", what, outcome)


if __name__ == "__main__":
    unittest.main()

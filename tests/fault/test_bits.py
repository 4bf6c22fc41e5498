"""Damage by single bits and by power loss: never a crash, never a wrong number taken for done.

    SGDSWEEP=build/sgdsweep SGDSWEEP_SHIM_LIBRARY=build/tests/libfault_shim.so python3 tests/fault/test_bits.py

By default a sample, in the long tier (SGDSWEEP_TEST_FULL=1) every byte.
"""
import glob
import json
import os
import shutil
import struct
import unittest
from collections import Counter

from lab import FULL, FaultTest

GRID = """
activation: [linear, relu]
dimension: [4, 6]
batch_size: [1, n-1, n]
step_size: {scaled_by_batch: 0.3}
seed: {first: 1, count: 5}
record: {steps: [0, 3], measures: norm}
"""
# Two runs of half a second; stopped, they leave a small state file.
LONG_RUN = """
activation: relu
dimension: 16
batch_size: 15
step_size: {scaled_by_batch: 0.003}
seed: [1, 2]
"""


class DamageTest(FaultTest):
    in_memory = True

    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)
        self.expected = self.sweep("grid.yaml", "a.h5")
        self.good, self.log = self.read("a.h5"), self.read("a.h5.log")
        self.extents = json.loads(self.log.splitlines()[0])["extents"]
        self.codes = Counter()

    def tearDown(self):
        print(f"exit codes {dict(sorted(self.codes.items()))}")
        super().tearDown()


class BitTest(DamageTest):
    def is_raw(self, place):
        return any(begin <= place < begin + size for begin, size in self.extents.values())

    def flipped(self, content, place):
        return content[:place] + bytes([content[place] ^ 1 << self.chance.randrange(8)]) + content[place + 1:]

    def places(self, size, sample):
        return range(size) if FULL else self.chance.sample(range(size), min(size, sample))

    def judge(self, what, may_be_fine=True):
        """Exit code 0 only with the right numbers, or with runs that are to do again; else 3 and one clear line."""
        done = self.program(0, "status", self.path("a.h5"), "--json", "--digest", code=None)
        self.codes[done.returncode] += 1
        self.assertIn(done.returncode, (0, 3) if may_be_fine else (3,), f"{what}: {done.stderr}")
        if done.returncode == 3:
            self.assertEqual(len(self.error_lines(done)), 1, f"{what}: {done.stderr}")
            return
        status = json.loads(done.stdout)
        self.assertEqual(status["damaged"], 0, what)
        if status["complete"]:
            self.assertEqual(status["results_digest"], self.expected, what)

    def test_every_byte_of_a_results_file(self):
        raw = [place for place in range(len(self.good)) if self.is_raw(place)]
        frozen = [place for place in range(len(self.good)) if not self.is_raw(place)]
        for places, sample, may_be_fine in ((frozen, 80, False), (raw, 160, True)):
            for index in self.places(len(places), sample):
                place = places[index]
                self.write("a.h5", self.flipped(self.good, place))
                self.judge(f"byte {place} of {len(self.good)}", may_be_fine)

    def test_a_file_without_its_log(self):
        os.unlink(self.path("a.h5.log"))
        for place in self.places(len(self.good), 50):
            self.write("a.h5", self.flipped(self.good, place))
            self.judge(f"byte {place} of {len(self.good)}, no log")

    def test_every_byte_of_a_log(self):
        first = self.log.index(b"\n") + 1
        for place in self.places(first, 40):
            self.write("a.h5.log", self.flipped(self.log, place))
            self.judge(f"byte {place} of the log")

    def test_every_byte_of_a_state_file(self):
        """A damaged state is a run that starts over, or one that goes on from it with the same bits."""
        if "--checkpoint" not in self.program(0, "run", "--help").stdout:
            self.skipTest("no state files yet")
        self.write("long.yaml", LONG_RUN)
        expected = self.sweep("long.yaml", "whole.h5")
        self.program(0, "run", self.path("long.yaml"), "-o", self.path("b.h5"), "--max-seconds", "0.15", code=75)
        kept = self.path("kept")
        os.mkdir(kept)
        for path in glob.glob(self.path("b.h5*")):
            (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, os.path.join(kept, os.path.basename(path)))
        state = glob.glob(os.path.join(kept, "b.h5.ckpt", "*.state"))
        self.assertEqual(len(state), 1)
        with open(state[0], "rb") as file:
            content = file.read()
        self.assertGreater(len(content), 500)
        for place in self.places(len(content), 6):
            self.remove_sweep("b.h5")
            shutil.copytree(kept, self.folder, dirs_exist_ok=True)
            self.write(os.path.join("b.h5.ckpt", os.path.basename(state[0])), self.flipped(content, place))
            self.assertEqual(self.sweep("long.yaml", "b.h5"), expected, f"byte {place} of the state")
            self.codes["state"] += 1


class PowerLossTest(DamageTest):
    """After a power loss every page of the file may be as it was after any write before, each by itself: a status can
    be there without its data. Nothing of that may pass as done."""

    def trace(self):
        """The file before the first result, and all writes of a sweep into it, in order."""
        self.remove_sweep("a.h5")
        self.program(0, "run", self.path("grid.yaml"), "-o", self.path("a.h5"), "--max-seconds", "1e-9", code=75)
        before = self.read("a.h5")
        log = self.read("a.h5.log")
        done = self.finish(self.start_with_shim(0, "run", self.path("grid.yaml"), "-o", self.path("a.h5"), "--progress",
                                                "none", shim=None, trace=self.path("trace"), path="a.h5$"))
        self.assertEqual(done.returncode, 0, done.stderr)
        raw, at, writes = self.read("trace"), 0, []
        while at < len(raw):
            offset, size = struct.unpack_from("=qq", raw, at)
            writes.append((offset, raw[at + 16:at + 16 + size]))
            at += 16 + size
        after = bytearray(before)
        for offset, content in writes:
            after[offset:offset + len(content)] = content
        self.assertEqual(bytes(after), self.read("a.h5"), "the trace is not what was written")
        return before, log, writes

    def lose_power(self, before, writes, page):
        """The file as a crash may leave it: each page as of its own moment, none later than the crash."""
        crash = self.chance.randint(0, len(writes))
        moment = {}
        file = bytearray(before)
        for index, (offset, content) in enumerate(writes[:crash]):
            for at in range(offset // page * page, offset + len(content), page):
                until = moment.setdefault(at, self.chance.choice((crash, self.chance.randint(0, crash))))
                begin, end = max(at, offset), min(at + page, offset + len(content))
                if index < until:
                    file[begin:end] = content[begin - offset:end - offset]
        return bytes(file)

    def test_power_loss(self):
        before, log, writes = self.trace()
        print(f"{len(writes)} writes")
        damaged = 0
        for i in range(2000 if FULL else 30):
            page = self.chance.choice((4096, 512))
            self.remove_sweep("a.h5")
            self.write("a.h5", self.lose_power(before, writes, page))
            self.write("a.h5.log", log)
            done = self.program(0, "status", self.path("a.h5"), "--json", "--digest", code=None)
            self.codes[done.returncode] += 1
            self.assertIn(done.returncode, (0, 3), done.stderr)
            damaged += json.loads(done.stdout)["damaged"]
            self.assertEqual(self.sweep("grid.yaml", "a.h5"), self.expected, f"trial {i}, pages of {page} bytes")
        print(f"{damaged} runs had a status without their data")
        self.assertGreater(damaged, 0, "nothing was lost, so nothing was tested")


if __name__ == "__main__":
    unittest.main()

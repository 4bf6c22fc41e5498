"""Bad input gives one clear line and the right exit code: the table bad_inputs.toml, case by case.

    SGDSWEEP=build/sgdsweep python3 tests/fault/test_bad_inputs.py [--fill]

--fill writes what the program says now into the table, for a look at the difference; it judges nothing.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
import unittest

import h5py
import numpy
from lab import FaultTest

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad_inputs.toml")
LEAST_CASES = 180
COST = re.compile(r"sgdsweep: \d+ runs, \d+ of them skipped; predicted ")


def read_table():
    with open(TABLE, "rb") as file:
        return tomllib.load(file)


def grid_text(good, case):
    """The grid file of a case of the table `grid`."""
    if "text" in case:
        return case["text"]
    lines = good.splitlines()
    key = case["set"].split(":")[0]
    keys = [line.split(":")[0] for line in lines]
    if key in keys:
        lines[keys.index(key)] = case["set"]
    else:
        lines.append(case["set"])
    return "\n".join(lines) + "\n"


def matches(expected, line):
    """Equal, but for what the machine or the build decides: <number> and <any>."""
    pattern = re.escape(expected).replace("<number>", "[-+.0-9a-f]+").replace("<any>", ".+")
    return re.fullmatch(pattern, line) is not None


class Damage:
    """Ways to make damaged.h5, by their names in the table; each works in the folder of the case."""

    def __init__(self, test):
        self.test, self.file, self.log = test, test.path("damaged.h5"), test.path("damaged.h5.log")

    def make(self, name):
        self.test.remove_sweep("damaged.h5")
        way = getattr(self, "do_" + name.replace(" ", "_"))
        if way.__code__.co_argcount > 1:
            shutil.copy(self.test.path("good.h5"), self.file)
            shutil.copy(self.test.path("good.h5.log"), self.log)
            way(self.test.read("good.h5"))
        else:
            way()

    def put(self, content):
        self.test.write("damaged.h5", content)

    def do_missing(self):
        pass

    def do_folder(self):
        os.mkdir(self.file)

    def do_fifo(self):
        os.mkfifo(self.file)

    def do_empty(self):
        self.put(b"")

    def do_noise(self):
        self.put(random.Random(1).randbytes(10000))

    def do_text(self):
        self.put("seed,loss\n1,0.5\n")

    def do_short(self):
        self.put(b"\x89HDF")

    def do_cut(self, good):
        self.put(good[:-1])

    def do_grown(self, good):
        self.put(good + b"\0")

    def do_structure(self, good):
        self.put(good[:40] + bytes([good[40] ^ 1]) + good[41:])

    def do_other_log(self, good):
        with open(self.log, encoding="utf-8") as log:
            first = json.loads(log.readline())
        self.test.write("damaged.h5.log", json.dumps(dict(first, frozen_crc32c=first["frozen_crc32c"] ^ 1)) + "\n")

    def do_log_is_a_folder(self, good):
        os.unlink(self.log)
        os.mkdir(self.log)

    def do_cut_without_log(self, good):
        os.unlink(self.log)
        self.put(good[:2000])

    def do_other_HDF5(self):
        with h5py.File(self.file, "w") as file:
            file["loss"] = [1.0, 2.0]

    def edited(self):
        os.unlink(self.log)
        return h5py.File(self.file, "r+")

    def do_other_version(self, good):
        with self.edited() as file:
            file.attrs.modify("format_version", 99)

    def do_other_grid(self, good):
        with self.edited() as file:
            file.attrs["grid"] = numpy.bytes_(file.attrs["grid"].replace(b"count: 3", b"count: 4"))

    def do_lost_variable(self, good):
        with self.edited() as file:
            del file["loss"]

    def do_other_shape(self, good):
        with self.edited() as file:
            del file["loss"]
            file["loss"] = [1.0]

    def do_other_type(self, good):
        with self.edited() as file:
            values = file["loss"][()].astype("f4")
            del file["loss"]
            file["loss"] = values

    def do_other_attribute(self, good):
        with self.edited() as file:
            file.attrs["grid"] = 1

    def do_pipe_as_log(self, good):
        os.unlink(self.log)
        os.mkfifo(self.log)
        self.put(good[:2000])

    def do_wrong_value(self, good):
        with open(self.log, encoding="utf-8") as log:
            begin, _ = json.loads(log.readline())["extents"]["norm"]
        self.put(good[:begin] + b"damaged!" + good[begin + 8:])

    def do_grid_of_other(self):
        pass

    def do_foreign_log(self):
        self.test.write("damaged.h5.log", "my notes\n")

    def do_foreign_lock(self):
        self.test.write("damaged.h5.lock", "my notes\n")


class BadInputTest(FaultTest):
    table = read_table()

    def setUp(self):
        super().setUp()
        good = self.table["good"]
        self.write("good.yaml", good)
        self.write("other.yaml", good.replace("count: 3", "count: 4"))
        self.write("huge.yaml", good.replace("count: 3", "count: 900000000000"))
        self.write("long.yaml", good.replace("max_steps: 20", "max_steps: 1000000000000, tol: 0"))

    def call(self, arguments, **env):
        """One run of the program in the folder: exit code and the lines that matter."""
        done = subprocess.run(self.command(0, *arguments), cwd=self.folder, env=dict(self.env, **env),
                              capture_output=True, text=True, timeout=60)
        lines = [line for line in done.stderr.splitlines() if not COST.match(line)]
        return done.returncode, lines, done.stdout

    def judge(self, case, code, found):
        wanted = case.get("code", code)
        got, lines, printed = found
        with self.subTest(case={key: case[key] for key in case if key != "says"}):
            self.assertEqual((got, len(lines)), (wanted, 1), lines)
            self.assertTrue(matches(case["says"], lines[0]), f"\nsays    {lines[0]}\nnot     {case['says']}")
            if code == 2:
                self.assertEqual(printed, "")

    def run_grid(self, case):
        self.write("grid.yaml", grid_text(self.table["good"], case))
        return self.call(["plan", "grid.yaml"])

    def run_command(self, case):
        return self.call(case["args"], **case.get("env", {}))

    def run_file(self, case):
        Damage(self).make(case["damage"])
        return self.call(case.get("args", ["status", "damaged.h5"]), **case.get("env", {}))

    def make_good(self):
        code, lines, _ = self.call(["run", "good.yaml", "-o", "good.h5", "--progress", "none"])
        self.assertEqual(code, 0, lines)

    def test_grids(self):
        for case in self.table["grid"]:
            self.judge(case, 2, self.run_grid(case))

    def test_command_lines_and_environment(self):
        self.make_good()
        before = sorted(os.listdir(self.folder))
        for case in self.table["command"]:
            self.judge(case, 2, self.run_command(case))
        self.assertEqual(sorted(os.listdir(self.folder)), before, "something was created")

    def test_files(self):
        self.make_good()
        before = self.read("good.h5")
        for case in self.table["file"]:
            self.judge(case, 3, self.run_file(case))
        self.assertEqual(self.read("good.h5"), before)

    def test_the_table(self):
        """Every line is a case of its own and says where, what and what else; nothing was left to fill in."""
        cases = [(name, case) for name in ("grid", "command", "file") for case in self.table[name]]
        self.assertGreaterEqual(len(cases), LEAST_CASES)
        print(f"{len(cases)} bad inputs")
        inputs = [json.dumps({key: case[key] for key in case if key != "says"}) for _, case in cases]
        self.assertEqual(len(set(inputs)), len(inputs))
        for name, case in cases:
            with self.subTest(case=case):
                self.assertRegex(case["says"], r"^sgdsweep: .{10}")
                if name == "grid":
                    self.assertRegex(case["says"], r"^sgdsweep: error: grid\.yaml:\d+:\d+: ")
                    self.assertTrue("accepted: " in case["says"] or "not YAML: " in case["says"])


def fill():
    """Rewrite every `says` of the table."""
    test = BadInputTest()
    test.setUp()
    test.make_good()
    answers = [test.run_grid(case) for case in test.table["grid"]]
    answers += [test.run_command(case) for case in test.table["command"]]
    answers += [test.run_file(case) for case in test.table["file"]]
    test.tearDown()
    with open(TABLE, encoding="utf-8") as file:
        lines = file.read().splitlines()
    cases = iter(answers)
    with open(TABLE, "w", encoding="utf-8") as file:
        for line in lines:
            if line.startswith("  { "):
                code, said, _ = next(cases)
                print(code, said)
                text = said[-1] if said else ""
                quote = "'''" if "'" in text else "'"
                line = re.sub(r"says = '.*' },$", lambda _, text=quote + text + quote: f"says = {text} }},", line)
            file.write(line + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--fill"]:
        fill()
    else:
        unittest.main()

"""What the fault tests share: a folder of their own, the program as a user runs it, its files, its processes.

A killed mpirun leaves files in its session folder and in shared memory; both are put below the test's own folder, and
what Open MPI puts elsewhere is removed when its process is gone.
"""
import ctypes
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath(os.environ.get("SGDSWEEP", "build/sgdsweep"))
SHIM = os.path.abspath(os.environ.get("SGDSWEEP_SHIM_LIBRARY", "build/tests/libfault_shim.so"))
FULL = os.environ.get("SGDSWEEP_TEST_FULL", "") not in ("", "0")
SEED = int(os.environ.get("SGDSWEEP_TEST_SEED", random.SystemRandom().randrange(1 << 31)))
TIMEOUT_S = 120
PR_SET_PDEATHSIG = 1

# Runs of some hundreds of steps: 0.1 s of work in 240 runs.
SMALL = """
activation: [linear, relu]
dimension: [8, 16]
batch_size: [1, n/2, n]
step_size: {scaled_by_batch: 0.2}
seed: {first: 1, count: 20}
"""


def descendants(pid):
    """Process ids of all children of a process, and theirs."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        parent = int(text[text.rindex(")") + 2:].split()[1])
        children.setdefault(parent, []).append(int(text.split()[0]))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def is_program(pid):
    try:
        return os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM)
    except OSError:
        return False


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def die_with_parent():
    """In the child: no process of a test outlives it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class FaultTest(unittest.TestCase):
    maxDiff = None
    in_memory = False  # a test of many short sweeps does not wait for the disk's syncs

    def setUp(self):
        memory = "/dev/shm" if self.in_memory and os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="sgf", dir=memory)  # short: the paths of MPI's sockets have 108 bytes
        self.env = self.environment(self.folder)
        self.started = []
        self.chance = random.Random(SEED)
        print(f"SGDSWEEP_TEST_SEED={SEED}", flush=True)

    @staticmethod
    def environment(folder):
        env = dict(os.environ, TMPDIR=folder, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_fbtl_posix_write_datasieving="0",
                   OMPI_MCA_orte_execute_quiet="1", OMPI_MCA_pml="ob1", OMPI_MCA_btl="self,vader",
                   OMPI_MCA_mtl="^psm2,ofi", OMPI_MCA_ess_singleton_isolated="1",  # start quickly
                   OMPI_MCA_btl_vader_backing_directory=folder)
        for name in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "SGDSWEEP_DEADLINE", "SGDSWEEP_ISA"):
            env.pop(name, None)
        return env

    def tearDown(self):
        for process in self.started:
            self.kill_all(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- files

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def remove_sweep(self, file):
        """A results file and everything beside it."""
        for path in glob.glob(glob.escape(self.path(file)) + "*"):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def events(self, file, name=None):
        found = []
        with open(self.path(file) + ".log", encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass  # cut short by a kill
        return [event for event in found if name in (None, event.get("event"))]

    # ---- processes

    def command(self, ranks, *arguments):
        launcher = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", str(ranks)] if ranks else []
        return [*launcher, PROGRAM, *arguments]

    def start_command(self, command, env=None):
        process = subprocess.Popen(command, env=dict(self.env, **(env or {})), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True,
                                   preexec_fn=die_with_parent)
        self.started.append(process)
        return process

    def start(self, ranks, *arguments, env=None):
        return self.start_command(self.command(ranks, *arguments), env)

    def finish(self, process, timeout=TIMEOUT_S):
        """Wait for the end. A program that hangs is a failure with its stacks unknown but its name shown."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill_all(process)
            out, err = process.communicate()
            self.fail(f"hangs: {process.args}\n{out}\n{err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def program(self, ranks, *arguments, code=0, **more):
        done = self.finish(self.start(ranks, *arguments, **more))
        if code is not None:
            self.assertEqual(done.returncode, code, f"{done.args}\n{done.stdout}\n{done.stderr}")
        return done

    def ranks_of(self, process):
        return [pid for pid in descendants(process.pid) if is_program(pid)] or [process.pid]

    def kill_all(self, process):
        """SIGKILL to a process, to all below it, and reap it."""
        below = descendants(process.pid)
        for pid in (process.pid, *below):
            if pid != process.pid or process.poll() is None:
                send(pid, signal.SIGKILL)
        process.wait()

    def start_with_shim(self, ranks, *arguments, shim, **more):
        """With tests/fault/shim.c preloaded, but not into mpirun; `shim` and, as SGDSWEEP_SHIM_..., `more` are what
        it reads."""
        env = {f"SGDSWEEP_SHIM_{name.upper()}": str(value) for name, value in more.items() if value is not None}
        env |= {"LD_PRELOAD": SHIM, "SGDSWEEP_SHIM_REPORT": self.path("report")}
        env |= {"SGDSWEEP_SHIM": shim} if shim else {}
        if not ranks:
            return self.start(0, *arguments, env=env)
        command = self.command(ranks, *arguments)
        at = command.index(PROGRAM)
        exported = [word for name in env for word in ("-x", f"{name}={env[name]}")]
        return self.start_command([*command[:at], *exported, *command[at:]])

    def shim_report(self):
        """Lines that the shim left, and forget them."""
        if not os.path.exists(self.path("report")):
            return []
        report = [line.split() for line in self.read("report").decode().splitlines()]
        os.unlink(self.path("report"))
        return report

    # ---- the program's answers

    def status(self, file, code=0):
        return json.loads(self.program(0, "status", self.path(file), "--json", "--digest", code=code).stdout)

    def sweep(self, grid, file, ranks=0, **more):
        """Run to the end; the digest of the results."""
        self.program(ranks, "run", self.path(grid), "-o", self.path(file), "--progress", "none", **more)
        status = self.status(file)
        self.assertTrue(status["complete"], status)
        self.assertEqual((status["pending"], status["damaged"]), (0, 0), status)
        return status["results_digest"]

    @staticmethod
    def error_lines(done):
        return [line for line in done.stderr.splitlines() if re.match(r"sgdsweep: (error: |rank \d+: )", line)]

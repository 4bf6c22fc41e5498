"""A private Slurm cluster for a test (cluster.sh), jobs on it, and a look at what they leave behind."""
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.abspath(os.environ.get("SGDSWEEP", "build/sgdsweep"))
TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "unshare", "mpirun")
TIMEOUT_S = 150


def unavailable():
    """Why there can be no cluster here; None if there can."""
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing:
        return f"no {', '.join(missing)} (packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "a private cluster needs root"
    probe = subprocess.run(["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs",
                            "tmpfs", "/dev/shm"], capture_output=True, text=True, check=False)
    return f"no namespaces: {probe.stderr.strip()}" if probe.returncode else None


def free_ports(count):
    """The first of some neighbouring ports that nobody listens on, below those that the system hands out."""
    while True:
        first = random.SystemRandom().randrange(15000, 32000 - count)
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for sock in held:
                sock.close()


def until(condition, what, timeout_s=TIMEOUT_S, poll_s=0.1):
    """Wait for a condition and return what it returned."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(poll_s)
    raise AssertionError(f"{what}: not within {timeout_s} s")


def pids_where(condition):
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            if condition(path):
                found.append(int(path[6:]))
        except OSError:
            continue
    return found


class Cluster:
    """Three nodes in a folder of their own, with copies of the program and of jobs/, as a user would have them."""

    def __init__(self, nodes=3):
        if not os.access(PROGRAM, os.X_OK):
            raise AssertionError(f"{PROGRAM} is no program; SGDSWEEP names it")
        self.nodes = nodes
        self.folder = tempfile.mkdtemp(prefix="sgsl", dir="/tmp")  # short, and reachable for any user
        os.chmod(self.folder, 0o755)
        self.work = self.path("work")
        self.tmp = self.path("tmp")
        for folder in (self.work, self.tmp):
            os.mkdir(folder)
            os.chmod(folder, 0o1777)
        shutil.copytree(os.path.join(ROOT, "jobs"), self.path("jobs"))
        shutil.copy(PROGRAM, self.path("sgdsweep"))
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        keep = {name: value for name, value in os.environ.items()
                if not name.startswith(("SLURM", "SBATCH", "SGDSWEEP", "OMPI_", "PMIX"))}
        self.env = dict(keep, PATH=path, SLURM_CONF=self.path("slurm.conf"), SGDSWEEP=self.path("sgdsweep"),
                        TMPDIR=self.tmp, OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_mpi_yield_when_idle="1",
                        CLUSTER_NODES=str(nodes), HOME=self.work)
        self.start()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- the cluster

    def start(self):
        for attempt in range(3):  # somebody may have taken a port meanwhile
            self.env["CLUSTER_PORT"] = str(free_ports(self.nodes + 1))
            done = self.control("start", check=False)
            if done.returncode == 0:
                return
        logs = "".join(self.read(path)[-2000:] for path in glob.glob(self.path("log", "*.log")))
        self.remove()
        raise AssertionError(f"the cluster does not start: {done.stderr}\n{logs}")

    def control(self, verb, *arguments, check=True):
        done = subprocess.run(["bash", os.path.join(HERE, "cluster.sh"), verb, self.folder, *arguments], env=self.env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"cluster.sh {verb} {arguments}: {done.stderr}")
        return done

    def remove(self):
        """Stop everything; returns what stayed behind: processes, mounts."""
        self.control("stop")
        left = []
        for pid in self.processes():
            left.append(f"process {pid}: {self.command_line(pid)}")
            os.kill(pid, 9)
        with open("/proc/mounts", encoding="utf-8") as mounts:
            left += [f"mount {line.strip()}" for line in mounts if self.folder in line]
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder):
            left.append(self.folder)
        return left

    def processes(self):
        """Everything on this machine that belongs to the cluster: daemons, launchers, ranks."""
        def belongs(path):
            with open(f"{path}/environ", "rb") as environ, open(f"{path}/stat", encoding="utf-8") as stat:
                return self.folder.encode() in environ.read() and ") Z " not in stat.read()
        return [pid for pid in pids_where(belongs) if pid != os.getpid()]

    def command_line(self, pid):
        return self.read(f"/proc/{pid}/cmdline").replace("\0", " ")

    def ranks(self, node=None):
        """Process ids (on this machine) of the running ranks of all sweeps, or of those on one node."""
        space = node and os.stat(f"/proc/{self.first_process(node)}/ns/uts").st_ino
        return sorted(pids_where(lambda path: os.path.realpath(f"{path}/exe") == self.path("sgdsweep") and
                                 (not space or os.stat(f"{path}/ns/uts").st_ino == space)))

    def freeze(self):
        """Stop all ranks where they are, however fast the machine is; returns what thaw() takes."""
        frozen = self.ranks()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        return frozen

    @staticmethod
    def thaw(frozen):
        for pid in frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue

    def first_process(self, node):
        unshare = int(self.read(self.path(f"node.n{node}.pid")))
        with open(f"/proc/{unshare}/task/{unshare}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def leftovers(self):
        """What jobs left in the temporary folder and in the shared memory of the nodes that are up."""
        left = os.listdir(self.tmp)
        for node in range(1, self.nodes + 1):
            if os.path.exists(self.path(f"node.n{node}.pid")):
                left += [f"n{node}: {name}" for name in os.listdir(f"/proc/{self.first_process(node)}/root/dev/shm")]
        return left

    @staticmethod
    def read(path):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    # ---- jobs

    def run(self, *command, check=True, user=None, **environment):
        done = subprocess.run(command, env=dict(self.env, **environment), cwd=self.work, capture_output=True, text=True,
                              user=user, group=user, extra_groups=[] if user else None, timeout=TIMEOUT_S, check=False)
        if check and done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def submit(self, *arguments, **options):
        """sbatch, retried while the controller is busy; returns the number of the job."""
        done = self.run("sbatch", "--parsable", *arguments, **options)
        return done.stdout.strip().split(";")[0]

    def job(self, number):
        """What Slurm knows about a job, by name; {} after it forgot it."""
        done = self.run("scontrol", "-o", "show", "job", number, check=False)
        return dict(re.findall(r"(\w+)=(\S*)", done.stdout.split("\n")[0]))

    def state(self, number):
        return self.job(number).get("JobState", "")

    def wait_state(self, number, *states, timeout_s=TIMEOUT_S):
        def reached():
            state = self.state(number)
            return state if state in states else None
        try:
            return until(reached, f"job {number} {states}", timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {self.state(number)}\n{self.output()}") from None

    def wait_end(self, number):
        """Wait for the end of a job; returns (state, exit code)."""
        state = self.wait_state(number, "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        return state, int(self.job(number)["ExitCode"].split(":")[0])

    def wait_life(self, number, life):
        """Wait until a job runs for the life-th time."""
        def runs():
            job = self.job(number)
            return job.get("JobState") == "RUNNING" and job.get("Restarts") == str(life - 1)
        try:
            until(runs, f"life {life} of job {number}")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.job(number)}\n{self.output()}") from None

    def wait_saved(self, number):
        """Wait until the controller has written down what it knows of a job; it does so seconds after a change."""
        time.sleep(1)  # the older state may be just being written
        now = time.time()
        self.run("scontrol", "update", f"JobId={number}", "Comment=changed")
        path = self.path("state", "job_state")
        until(lambda: os.path.exists(path) and os.stat(path).st_mtime > now, "a saved state of the controller")

    def wait_idle(self):
        """Wait until no job is running or completing."""
        until(lambda: not self.run("squeue", "-h", "-t", "running,completing").stdout.strip(), "idle nodes")

    def output(self):
        """Everything that the jobs printed."""
        return "".join(f"--- {os.path.basename(path)}\n{self.read(path)}" for path in
                       sorted(glob.glob(os.path.join(self.work, "*.out"))))

    # ---- sweeps

    def file(self, name):
        return os.path.join(self.work, name)

    def grid(self, text, name="grid.yaml"):
        with open(self.file(name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def status(self, name):
        return json.loads(self.run(self.path("sgdsweep"), "status", self.file(name), "--json", "--digest").stdout)

    def events(self, name, kind=None):
        found = []
        for line in self.read(self.file(name) + ".log").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # a kill may cut the line that was being written
        return [event for event in found if kind is None or event["event"] == kind]

    def wait_blocks(self, name, more=2):
        """Wait until a sweep has done some blocks, more than it had."""
        had = len(self.events(name, "block"))
        try:
            until(lambda: len(self.events(name, "block")) >= had + more, f"{more} blocks in {name}", poll_s=0.02)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.output()}") from None

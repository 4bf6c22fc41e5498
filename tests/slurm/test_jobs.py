"""What the Slurm scripts promise without a cluster: names, choices, refusals, modules, progress."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath(os.environ.get("SGDSWEEP", "build/sgdsweep"))
JOBS = pathlib.Path(__file__).resolve().parents[2] / "jobs"
GRID = "dimension: [16, 32]\nbatch_size: [1, n]\nstep_size: {scaled_by_batch: 0.1}\nseed: {first: 1, count: 40}\n"


class JobsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = pathlib.Path(folder.name)
        (self.work / "bin").mkdir()
        self.grid = self.work / "my.yaml"
        self.grid.write_text(GRID, encoding="utf-8")
        keep = {name: value for name, value in os.environ.items()
                if not name.startswith(("SLURM", "SBATCH", "SGDSWEEP"))}
        self.env = dict(keep, PATH=f"{self.work / 'bin'}:{os.environ['PATH']}", SGDSWEEP=PROGRAM)
        self.fake("sinfo", 'case "$*" in *"-p none "*) exit;; *-p*) echo "p 48 2:00";; '
                  '*) echo "long 64 10-00:00:00"; echo "short* 32 1:00:00"; echo "short* 16 1:00:00";; esac')
        self.fake("sbatch", f'echo "$*" >>{self.work}/calls; wc -l <{self.work}/calls')

    def fake(self, name, script):
        path = self.work / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def script(self, name, *arguments, code=0, **environment):
        done = subprocess.run(["bash", str(JOBS / name), *map(str, arguments)], env=dict(self.env, **environment),
                              cwd=self.work, text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def calls(self):
        return (self.work / "calls").read_text(encoding="utf-8").splitlines()

    def run_sweep(self, *options, code=0):
        done = subprocess.run([PROGRAM, "run", str(self.grid), "-o", str(self.work / "my.h5"), *options], check=False,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)

    # ---- submit.sh

    def test_submit(self):
        said = self.script("submit.sh", self.grid).stdout
        call, = self.calls()
        self.assertEqual(call.split()[-2:], [str(self.grid), str(self.work / "my.h5")])
        for word in ("--parsable", "--nodes=1", "--ntasks=1", "--time=5", "--mem-per-cpu=", "sweep.sbatch"):
            self.assertIn(word, call)
        for word in ("320 runs to do", "of 16 cores", "core-hours", "squeue -j 1", "watch.sh", "scancel 1"):
            self.assertIn(word, said)

    def test_submit_nodes_and_options(self):
        self.script("submit.sh", "my.yaml", "-o", "b.h5", "--nodes", "2", "--", "-p", "other", "--account=me")
        call, = self.calls()
        for word in ("--nodes=2", "--ntasks=96", "--time=2", "-p other --account=me", "my.yaml b.h5"):
            self.assertIn(word, call)

    def test_submit_array(self):
        self.script("submit.sh", "my.yaml", "--array", "4%2")
        array, merge = self.calls()
        self.assertIn("--array=1-4%2 ", array)
        self.assertTrue(array.endswith("array.sbatch 4 my.yaml my.h5"), array)
        self.assertIn("--dependency=afterok:1 --kill-on-invalid-dep=yes", merge)
        self.assertTrue(merge.endswith("merge.sbatch 4 my.h5"), merge)

    def test_submit_nothing(self):
        said = self.script("submit.sh", "my.yaml", "--dry-run").stdout
        self.assertIn("nothing was submitted", said)
        self.run_sweep()
        self.assertIn("is complete", self.script("submit.sh", "my.yaml").stderr)
        self.assertFalse((self.work / "calls").exists())

    def test_submit_refuses(self):
        for arguments, word in (((), "missing"), (("a", "b"), "'b'"), (("a", "--fast"), "--fast"),
                                (("a", "--array", "1"), "--array"), (("a", "--array", "4%"), "--array"),
                                (("a", "--nodes", "all"), "all"), (("my.yaml", "--hours", "x"), "'x'"),
                                (("my.yaml", "--", "-p", "none"), "none")):
            with self.subTest(arguments=arguments):
                self.assertIn(word, self.script("submit.sh", *arguments, code=2).stderr)
        self.assertIn("none.yaml", self.script("submit.sh", "none.yaml", code=1).stderr)

    # ---- watch.sh

    def test_watch(self):
        self.script("watch.sh", "my.h5", "--once", code=1)
        self.run_sweep("--max-seconds", "1e-9", code=75)
        said = self.script("watch.sh", "my.h5", "--once", code=75).stdout
        self.assertRegex(said, r"\d\d:\d\d:\d\d  \d+ of 320 runs, \d+ %\n")
        self.run_sweep()
        said = self.script("watch.sh", "my.h5", "--interval", "1").stdout
        self.assertIn("320 of 320 runs, 100 %", said)
        self.assertIn("complete", said)
        for arguments in ((), ("a", "b"), ("a", "--interval", "0"), ("a", "--now")):
            self.assertIn("usage: ", self.script("watch.sh", *arguments, code=2).stderr)

    # ---- the batch scripts

    def test_not_in_a_job(self):
        for name, arguments in (("sweep.sbatch", ("a", "b")), ("array.sbatch", (2, "a", "b")),
                                ("merge.sbatch", (2, "a"))):
            for given in (arguments, ()):
                self.assertIn("usage: sbatch ", self.script(name, *given, code=2).stderr)

    def life(self, command, code=0, **environment):
        done = subprocess.run(["bash", "-c", f'self=test jobs="{JOBS}"; . "{JOBS}/life.sh"; {command}'], text=True,
                              env=dict(self.env, **environment), capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_names_of_parts(self):
        for file, part in (("my.h5", "my.2of8.h5"), ("a.b/my", "a.b/my.2of8"), ("a.b/my.x.h5", "a.b/my.x.2of8.h5"),
                           (".h5", ".h5.2of8")):
            self.assertEqual(self.life(f"part_of {file} 2 8").stdout, part + "\n")

    def test_modules(self):
        (self.work / "init").mkdir()
        init = 'echo "$NOT_SET"\nmodule() { echo "module $*$NOT_SET"; [[ $* != *bad* ]]; }\n'
        (self.work / "init" / "bash").write_text(init, encoding="utf-8")
        home = str(self.work)
        self.assertEqual(self.life("life_modules").stdout, "")
        self.assertEqual(self.life("life_modules", SGDSWEEP_MODULES="a/1 b", MODULESHOME=home).stdout,
                         "\nmodule load a/1 b\n")
        self.life("life_modules", code=2, SGDSWEEP_MODULES="bad", MODULESHOME=home)

    def test_program(self):
        self.assertIn("is no program", self.life("life_program", code=2, SGDSWEEP="/none").stderr)
        path = self.work / "bin" / "sgdsweep"
        shutil.copy(PROGRAM, path)
        self.assertEqual(self.life('jobs=/; life_program; echo "$program"', SGDSWEEP="").stdout, f"{path}\n")

    def test_launcher(self):
        said = self.life('life_launcher; echo "${launch[*]} $SLURM_PMIX_FENCE"', SGDSWEEP_LAUNCHER="srun",
                         PATH=f"{self.work / 'bin'}:/usr/bin:/bin") if shutil.which("srun") else None
        if said:
            self.assertEqual(said.stdout, "srun --mpi=pmix --kill-on-bad-exit=1 ring\n")
        self.assertIn("'pbs'", self.life("life_launcher", code=2, SGDSWEEP_LAUNCHER="pbs").stderr)

    def test_deadline(self):
        command = 'job=1; now=$(date +%s); life_deadline; echo "$((SGDSWEEP_DEADLINE - now)) $until_text"'
        for left, deadline in ((3600, 3540), (100, 75)):
            said = self.life(f"export SLURM_JOB_END_TIME=$(($(date +%s) + {left})); {command}", SGDSWEEP_DEADLINE="1")
            self.assertLessEqual(abs(int(said.stdout.split()[0]) - deadline), 2)
        self.fake("squeue", '[[ $SLURM_TIME_FORMAT == %s ]] && echo $(($(date +%s) + 600))')
        self.assertLessEqual(abs(int(self.life(command).stdout.split()[0]) - 540), 2)
        self.fake("squeue", "echo N/A")
        self.assertEqual(self.life('job=1; life_deadline; echo "${SGDSWEEP_DEADLINE-none} $until_text"',
                                   SGDSWEEP_DEADLINE="1").stdout, "none no time limit\n")

    def test_plan_has_what_submit_reads(self):
        done = subprocess.run([PROGRAM, "plan", str(self.grid), "--json"], check=True, capture_output=True, text=True)
        self.assertLessEqual({"pending_runs", "predicted_core_seconds", "file_bytes", "memory_per_rank_bytes",
                              "makespan_seconds", "suggested_ranks"}, set(json.loads(done.stdout)))


if __name__ == "__main__":
    unittest.main()

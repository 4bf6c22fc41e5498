"""The promises of the scripts: install only what is missing, no network without need, reasons in one line."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ("bash", "dirname", "mkdir", "wc", "sed", "sort", "comm", "mktemp", "grep", "tail", "rm", "cat", "tr", "env")


class Scripts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bin = Path(folder.name) / "bin"
        self.bin.mkdir()
        self.calls = Path(folder.name) / "calls"
        for name in PLAIN:
            (self.bin / name).symlink_to(shutil.which(name))

    def fake(self, name, script):
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def bash(self, *arguments, **environment):
        return subprocess.run(["bash", *map(str, arguments)], env={"PATH": str(self.bin), **environment}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60)

    def install(self, *packages):
        return self.bash("-c", f'self=test; . "{ROOT}/jobs/packages.sh"; packages_install {" ".join(packages)}')

    def debian(self, *installed):
        lines = " ".join(f"'installed {name}'" for name in installed)
        self.fake("dpkg-query", f"printf '%s\\n' {lines} 'config-files removed'")
        self.fake("apt-get", f'echo "$*" >>{self.calls}')
        self.fake("sudo", '"$@"')

    def test_network_is_left_alone_when_everything_is_there(self):
        self.debian("gcc", "cmake")
        result = self.install("gcc", "cmake")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertFalse(self.calls.exists())

    def test_installs_what_is_missing_only(self):
        self.debian("gcc")
        result = self.install("gcc", "removed", "cmake")
        self.assertEqual(result.returncode, 0, result.stderr)
        update, install = self.calls.read_text().splitlines()
        self.assertTrue(update.endswith(" update"))
        self.assertTrue(install.endswith("install --no-install-recommends cmake removed"), install)

    def test_reason_of_a_failed_installation_is_one_line(self):
        self.debian()
        self.fake("apt-get", "echo Reading...; echo 'E: Unable to locate package cmake' >&2; echo more; exit 100")
        result = self.install("cmake")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^test: apt-get failed: E: Unable to locate package cmake \(log: .*\)\n$")

    def test_not_a_debian_system(self):
        result = self.install("cmake")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^test: this is not a Debian system.*--no-install\n$")

    def test_no_install_names_everything_that_is_missing_at_once(self):
        copy = self.bin.parent / "copy"
        shutil.copytree(ROOT / "jobs", copy / "jobs")
        result = self.bash(copy / "jobs" / "quickstart.sh", "--no-install", SGDSWEEP_PYTHON=str(self.bin / "cat"),
                           CC="no-such-compiler", PKG_CONFIG_LIBDIR=str(copy))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr.count("\n"), 1)
        for name in ("cmake", "mpicc", "mpirun", "pkg-config", "no-such-compiler", "ninja or make", "hdf5-openmpi",
                     "gsl", "libfyaml", "libxxhash", "libisal", "jansson", "sleef.h", "Random123/threefry.h"):
            self.assertIn(name, result.stderr)

    def test_usage(self):
        result = self.bash(ROOT / "jobs" / "quickstart.sh", "--instal")
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"^quickstart: unknown argument '--instal'; usage: .*\n$")

    def test_lists_name_packages_once(self):
        names = self.bash("-c", f'. "{ROOT}/jobs/packages.sh"; printf "%s\\n" "${{packages_build[@]}}" '
                          '"${packages_analysis[@]}" "${packages_tests[@]}"').stdout.split()
        self.assertGreater(len(names), 20)
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()

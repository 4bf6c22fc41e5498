"""The report: complete, self-contained, and alive in a browser: menus change the picture, nothing goes to the console,
it prints. Needs Chromium with its driver and Selenium."""

import base64
import contextlib
import io
import json
import os
import re
import resource
import unittest

import h5py
import numpy as np
from analysis.__main__ import main
from analysis.cells import cell_tables
from analysis.kinds import FIGURES
from program import ProgramTest

GRID = """# a grid with <angle> & brackets
activation: [linear, relu]
dimension: [8, 16]
batch_size: [1, n/2, n-1, n]
step_size: {scaled_by_batch: {linear: [0.05, 0.70], points: 14}}
seed: {first: 1, count: 8}
record: {until: 10000}
weights: record
walk: {bins: 16}
"""
FULL = os.environ.get("SGDSWEEP_TEST_FULL") == "1"


def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    # No name resolves: what needs the network fails. Root has no sandbox, containers have little shared memory.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--window-size=1100,1400", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Report(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sweep_test = cls("sweep")
        cls.sweep_test.setUp()
        cls.addClassCleanup(cls.sweep_test.doCleanups)
        done, cls.file = cls.sweep_test.call(GRID)
        assert done.returncode == 0, done.stderr
        cls.page = cls.sweep_test.folder / "report.html"
        assert main(["report", str(cls.file), "-o", str(cls.page)]) == 0
        cls.text = cls.page.read_text()
        cls.driver = browser()
        cls.addClassCleanup(cls.driver.quit)
        cls.driver.get(cls.page.as_uri())
        cls.wait(lambda: cls.driver.find_element("id", "explorer").get_attribute("data-ready"))

    @classmethod
    def wait(cls, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(cls.driver, 60).until(lambda _: condition())

    def choose(self, **menus):
        from selenium.webdriver.support.ui import Select

        for name, text in menus.items():
            select = Select(self.driver.find_element("id", name.replace("_", "-")))
            names = [option.text for option in select.options]
            select.select_by_index(next(at for at, name in enumerate(names) if name.split(":")[0] == text))

    def shown(self):
        """The table that is drawn, NaN where grey."""
        rows = self.driver.execute_script("return document.getElementById('heatmap').data[0].z")
        return np.array(rows, dtype=float)

    def title(self):
        return self.driver.execute_script("return document.getElementById('heatmap').layout.title.text")

    def picture(self):
        return self.driver.find_element("id", "heatmap").screenshot_as_png

    def test_holds_everything(self):
        for kind in FIGURES:
            self.assertIn(f'id="figure-{kind}"', self.text)
        with h5py.File(self.file) as file:
            self.assertIn(file.attrs["grid_digest"].decode(), self.text)
        self.assertIn("# a grid with &lt;angle&gt; &amp; brackets", self.text)
        for words in ("P1 global minimum", "P4 relu", "Derived: ", "Fitted: ", "MIT license", "Plotly, Inc.",
                      "Permission is hereby granted", "results digest"):
            self.assertIn(words, self.text)

    def test_fetches_nothing(self):
        for address in re.findall(r'(?:src|href)="([^"]{0,40})', self.text):
            self.assertTrue(address.startswith("data:"), address)
        fetched = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                fetched.add(message["params"]["request"]["url"].split(":")[0])
        self.assertEqual(fetched - {"data", "blob"}, {"file"})

    def test_menus_change_the_picture(self):
        self.choose(measure="max_share", x_axis="batch size", y_axis="step size (eps)")
        self.choose(at_activation="relu", at_dimension="16")
        before = self.picture()
        with h5py.File(self.file) as file:
            share, status = file["max_share"][1, 0, 1], file["status"][1, 0, 1]
        with np.errstate(invalid="ignore"):
            count = (status == 1).sum(axis=-1)
            wanted = np.where(count > 0, np.where(status == 1, share, 0).sum(axis=-1) / count, np.nan).T
        self.assertTrue(np.isnan(wanted).any() and np.isfinite(wanted).any())
        np.testing.assert_allclose(self.shown(), wanted, rtol=1e-6)
        self.assertIn("activation relu", self.title())
        self.choose(at_activation="linear")
        self.assertIn("activation linear", self.title())
        self.assertFalse(np.array_equal(self.shown(), wanted, equal_nan=True))
        self.choose(x_axis="dimension")
        self.assertEqual(self.shown().shape, (14, 2))
        self.assertNotEqual(self.picture(), before)

    def test_times_are_medians_with_never_as_longest(self):
        self.choose(measure="steps_sparse", x_axis="batch size", y_axis="step size (eps)")
        self.choose(at_activation="linear", at_dimension="16")
        with h5py.File(self.file) as file:
            steps = file["steps_sparse"][0, 0, 1].astype(float)
        middle = np.sort(np.where(steps < 0, np.inf, steps), axis=-1)[..., 4].T
        np.testing.assert_allclose(self.shown(), np.where(np.isinf(middle), np.nan, middle), rtol=1e-6)
        self.assertTrue(np.isnan(self.shown()[:, 3]).all(), "the full batch never gets there")
        self.driver.find_element("id", "log").click()
        np.testing.assert_allclose(self.shown(), np.log10(np.where(np.isinf(middle), np.nan, middle)), rtol=1e-6)
        self.driver.find_element("id", "log").click()

    def test_long_axes_have_a_slider(self):
        self.choose(measure="converged", x_axis="batch size", y_axis="dimension")
        slider = self.driver.find_element("id", "at-step_value")
        self.assertEqual((slider.get_attribute("type"), slider.get_attribute("max")), ("range", "13"))
        self.choose(at_activation="linear")
        np.testing.assert_array_equal(self.shown(), 1.0)
        self.driver.execute_script("arguments[0].value = 13; arguments[0].dispatchEvent(new Event('input'))", slider)
        self.assertIn("step size (eps) 0.7", self.title())
        np.testing.assert_array_equal(self.shown(), 0.0)  # eps = 0.7 never settles

    def test_the_same_axis_twice_is_put_right(self):
        self.choose(x_axis="batch size", y_axis="batch size")
        self.assertEqual(self.shown().shape, (14, 4))

    def test_prints(self):
        answer = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        paper = base64.b64decode(answer["data"])
        self.assertEqual(paper[:5], b"%PDF-")
        pages = len(re.findall(rb"/Type\s*/Page\b", paper))
        self.assertIn(pages, range(4, 40))
        # Every figure and the heatmap.
        self.assertGreaterEqual(len(re.findall(rb"/Subtype\s*/Image", paper)), len(FIGURES) + 1)

    @classmethod
    def tearDownClass(cls):
        """After all that the tests did: not one line in the console."""
        entries = cls.driver.get_log("browser")
        assert entries == [], entries
        super().tearDownClass()


class Sizes(ProgramTest):
    def test_tables_without_what_is_missing(self):
        done, file = self.call("dimension: 4\nbatch_size: [1, n, 9]\nstep_size: {scaled_by_batch: [0.2, 1.2]}\n"
                               "seed: {first: 1, count: 3}\n")
        tables, left_out = cell_tables(file)
        self.assertEqual(left_out, [])
        share = tables["converged"][1][0, 0, 0]
        np.testing.assert_array_equal(share[:2, 0], 1.0)
        self.assertTrue(np.isnan(share[2]).all(), "9 of 4 points do not fit")
        self.assertTrue(np.isnan(tables["norm"][1][0, 0, 0, 0, 1]), "no mean over no run")
        self.assertEqual(tables["diverged"][1][0, 0, 0, 0, 1], 1.0)

    def test_a_large_file_in_seconds(self):
        """A million runs (a hundred thousand without --full): processor time and size of the page."""
        seeds = 128 if FULL else 12
        runs = seeds * 2 * 4 * 14 * 70
        done, file = self.call("activation: [linear, relu]\ndimension: [16, 32, 64, 128]\n"
                               "batch_size: [1, 2, 3, 4, n/4, n/3, n/2, 2*n/3, 3*n/4, n-4, n-3, n-2, n-1, n]\n"
                               "step_size: {scaled_by_batch: {log: [0.01, 1], points: 70}}\n"
                               f"seed: {{first: 1, count: {seeds}}}\nstop: {{max_steps: 1}}\n", timeout=280)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(file, "r+") as results:
            self.assertEqual(results["status"].size, runs)
            plausible(results)
        page = self.folder / "large.html"
        before = resource.getrusage(resource.RUSAGE_SELF)
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(main(["report", str(file), "-o", str(page)]), 0)
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{runs} runs: {seconds:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
        self.assertLess(seconds, 60)
        self.assertLess(page.stat().st_size, 10e6)


def plausible(results):
    """Runs as the model's, without the time to train them."""
    generator = np.random.default_rng(1)
    shape = results["status"].shape
    full = results["batch_size"][:] == results["samples"][:][:, np.newaxis]
    full = np.broadcast_to(full[np.newaxis, np.newaxis, :, :, np.newaxis, np.newaxis], shape)
    results["status"][...] = np.where(generator.random(shape) < 0.01, 3, 1)
    length = {"steps": 4000, "steps_norm": 1000, "steps_sparse": 3000}
    for name, variable in results.items():
        if variable.ndim != 6 or name in ("status", "checksum"):
            continue
        values = generator.random(shape)
        values = length.get(name, 1) * (1 + values)
        if name in ("max_share", "participation_ratio"):
            values = np.where(full, values + 2 if name != "max_share" else values / 3, 1)
        variable[...] = values.astype(variable.dtype)


if __name__ == "__main__":
    unittest.main()

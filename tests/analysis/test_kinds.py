"""The kinds of figures: what they draw is what is in the file, they say what they need, and they can be read."""

import contextlib
import io
import json
import unittest

import h5py
import numpy as np
from analysis import figures, timeline
from analysis.__main__ import main
from analysis.kinds import FIGURES
from analysis.sweep import SweepError
from matplotlib.image import imread
from program import ProgramTest

GRID = """
activation: [linear, relu]
dimension: [8, 16]
batch_size: [1, n/2, n-1, n]
step_size: {scaled_by_batch: [0.2, 0.4, 0.9, 1.5]}
seed: {first: 1, count: 9}
"""
ALONG = "record: {until: 100000}\nweights: record\nwalk: {bins: 32}\n"


class Kinds(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.test = cls("sweep")
        cls.test.setUp()
        cls.addClassCleanup(cls.test.doCleanups)
        done, cls.file = cls.test.call(GRID + ALONG)
        assert done.returncode == 0, done.stderr

    def test_known_by_name(self):
        self.assertEqual(list(FIGURES), list(figures.KINDS))

    def test_png_and_pdf_that_are_not_blank(self):
        for kind in FIGURES:
            picture, paper = self.folder / f"{kind}.png", self.folder / f"{kind}.pdf"
            self.assertEqual(main(["figure", str(self.file), "--kind", kind, "-o", str(picture), "-o", str(paper),
                                   "--dpi", "60"]), 0)
            pixels = imread(picture)[..., :3]
            ink = (pixels.min(axis=2) < 0.97).mean()
            self.assertGreater(ink, 0.02, kind)
            self.assertLess(ink, 0.9, kind)
            self.assertEqual(paper.read_bytes()[:5], b"%PDF-")

    def test_phase_colours_are_the_outcomes(self):
        from analysis.phase import ENDS, PARTS
        figure = figures.draw(self.file, "phase")
        pixels = figure.axes[1].images[0].get_array()  # relu, d = 16: [step, batch * PARTS, colour]
        with h5py.File(self.file) as file:
            status, share = file["status"][1, 0, 1], file["max_share"][1, 0, 1]
        dead = np.array([0.0, 0.0, 0.0])
        for batch in range(4):
            for step in range(4):
                cell = pixels[step, batch * PARTS:(batch + 1) * PARTS]
                drawn = (np.abs(cell - dead).max(axis=1) < 1e-6).mean()
                self.assertAlmostEqual(drawn, (status[batch, step] == 4).mean(), delta=1 / PARTS)
        from matplotlib.colors import to_rgb
        one = (np.abs(pixels[0, 0] - to_rgb(ENDS[0][1])).max() < 1e-6, (share[0, 0] > 0.99).all())
        self.assertEqual(one, (True, True))
        times = figure.axes[3].images[0].get_array()  # relu
        with h5py.File(self.file) as file:
            steps = np.sort(file["steps_sparse"][1, 0, 1, 1, 0])
        self.assertEqual(times[0, 1], steps[4])
        self.assertTrue(times.mask[0, 3], "the full batch never gets to one data point")

    def test_collapse_points(self):
        figure = figures.draw(self.file, "collapse", {"dimension": ["16"], "step_value": ["0.2"], "batch": ["n/2"]})
        raw, scaled = (figure.axes[at].collections[0].get_offsets()[0, 1] for at in (0, 2))
        with h5py.File(self.file) as file:
            at = (0, 0, 1, 1, 0)
            wanted = np.median(file["steps_sparse"][at] - file["steps_norm"][at])
        self.assertEqual(raw, wanted)
        self.assertAlmostEqual(scaled / raw, 8 * 8 / (16 * 15) * -np.log(1 - 0.04), places=12)

    def test_shares_sum_to_one_and_end_at_one_point(self):
        figure = figures.draw(self.file, "shares", {"activation": ["relu"], "dimension": ["16"]})
        self.assertEqual([axis.get_title() for axis in figure.axes[:4]],
                         [f"{name}, converged" for name in ("$b = 1$", "$b = 8$", "$b = n - 1$", "full batch")])
        for axis in figure.axes[:3]:
            tops = [collection.get_paths()[0].vertices for collection in axis.collections]
            ends = [np.ptp(path[path[:, 0] == path[:, 0].max(), 1]) for path in tops]
            self.assertAlmostEqual(max(ends), 1.0, places=4)
            self.assertAlmostEqual(sum(ends), 1.0, places=9)

    def test_walk_adds_up_all_cells_below_n(self):
        figure = figures.draw(self.file, "walk")
        with h5py.File(self.file) as file:
            sums = {name: np.nan_to_num(file[f"walk_{name}"][1, 0, 1, :3])
                    for name in ("moves", "sum", "drift", "square", "sum2")}
        self.assertGreaterEqual(sums["moves"].min(), 0)  # all runs are done: no fill value
        total = {name: values.sum(axis=(0, 1, 2)).reshape(16, 2).sum(axis=1) for name, values in sums.items()}
        there = total["moves"] >= 50
        self.assertGreater(there.sum(), 4)
        drift, ratio = figure.axes[1], figure.axes[3]  # relu
        predicted = [line.get_ydata() for line in drift.lines if len(line.get_ydata()) == 16][-1]
        np.testing.assert_allclose(predicted[there], (total["drift"] / total["square"])[there], rtol=1e-9)
        for axis, name in ((drift, "sum"), (ratio, "sum2")):
            measured = axis.containers[1].lines[0].get_ydata()  # d = 16, the second of two
            np.testing.assert_allclose(measured[there], (total[name] / total["square"])[there], rtol=1e-9)
            self.assertTrue(np.isnan(measured[~there]).all())

    def test_selection(self):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            for where in ("batch=3", "colour=1", "dimension=8,9"):
                self.assertEqual(main(["figure", str(self.file), "--where", where, "-o", "x.png"]), 1)
            self.assertEqual(main(["figure", str(self.file), "--kind", "timeline", "--where", "batch=1", "-o", "x"]), 1)
            with self.assertRaises(SystemExit):
                main(["figure", str(self.file), "--where", "batch", "-o", "x.png"])
        for words in ("batch has no 3; it has 1, n/2, n-1, n", "no axis colour", "dimension has no 9", "no selection",
                      "AXIS=VALUE[,VALUE...] is accepted"):
            self.assertIn(words, errors.getvalue())

    def test_what_a_figure_needs(self):
        done, plain = self.call(GRID.replace("[0.2, 0.4, 0.9, 1.5]", "[0.9]").replace("[8, 16]", "8"))
        self.assertEqual(done.returncode, 0)
        for kind, words in (("shares", "weights: record"), ("walk", "walk: {bins: 32}"), ("phase", "two step sizes"),
                            ("collapse", "eps <= 0.4")):
            with self.assertRaisesRegex(SweepError, words):
                figures.draw(plain, kind)
        (plain.parent / (plain.name + ".log")).unlink()
        with self.assertRaisesRegex(SweepError, "no such file"):
            figures.draw(plain, "timeline")
        done, ordered = self.call(GRID + "sampling: shuffle\nstop: {max_steps: 10}\n")
        with self.assertRaisesRegex(SweepError, "no diffusive clock"):
            figures.draw(ordered, "collapse")


class Timeline(ProgramTest):
    def log(self, *events):
        path = self.folder / "a.log"
        path.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event":"blo')
        return path

    @staticmethod
    def event(name, second, **fields):
        return {"event": name, "time": f"2026-11-23T07:00:{second:06.3f}Z", **fields}

    def block(self, second, rank, seconds):
        return self.event("block", second, first=0, count=8, rank=rank, seconds=seconds, steps=1)

    def test_busy_shares(self):
        path = self.log(self.event("create", 0), self.event("start", 0, ranks=2), self.block(4, 0, 4),
                        self.block(10, 0, 3), self.block(10, 1, 5), self.event("stop", 10),
                        self.event("resume", 40, ranks=2),
                        self.block(50, 1, 10), self.event("complete", 50))
        lives, blocks = timeline.read_log(path)
        self.assertEqual([(life["origin"], life["end"] - life["start"]) for life in lives], [(0, 10), (10, 10)])
        shares = timeline.busy(blocks, 2, 20.0, 20)
        np.testing.assert_allclose(shares[0], [1] * 4 + [0] * 3 + [1] * 3 + [0] * 10, atol=1e-9)
        np.testing.assert_allclose(shares[1], [0] * 5 + [1] * 15, atol=1e-9)

    def test_many_blocks_are_as_few(self):
        """The two ways to sum up agree, and no time is counted twice."""
        generator = np.random.default_rng(5)
        ends = np.sort(generator.uniform(0, 100, 6000))
        blocks = [{"at": at, "rank": 0, "seconds": seconds}
                  for at, seconds in zip(ends, generator.exponential(0.01, ends.size))]
        many = timeline.busy(blocks, 1, 100.0, 50)
        begin, end = np.array(timeline.spans(blocks)[0]).T
        edges = np.linspace(0, 100, 51)
        few = np.diff([np.clip(edge - begin, 0, end - begin).sum() for edge in edges]) / 2
        np.testing.assert_allclose(many[0], few, atol=1e-9)
        self.assertLessEqual(many.max(), 1.0)


if __name__ == "__main__":
    unittest.main()

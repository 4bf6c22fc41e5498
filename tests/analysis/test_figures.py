"""The figure of the quickstart draws what is in the file, and says the paper's sentence only where it holds."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
from matplotlib.image import imread
from matplotlib.text import Text

import synthetic
from analysis.__main__ import main
from analysis.batch_size import batch_size_figure
from analysis.sweep import open_sweep


def figure_text(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


class BatchSizeFigure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "sweep.h5"

    def figure(self, value=synthetic.paper, status=lambda *point: 1, **shape):
        synthetic.write_sweep(self.path, value, status, **shape)
        with open_sweep(self.path) as sweep:
            return batch_size_figure(sweep)

    def test_one_panel_for_each_measure_and_activation_with_all_points(self):
        figure = self.figure()
        self.assertEqual(len(figure.axes), 6)
        titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
        self.assertEqual(titles, ["linear", "ReLU"])
        for axis in figure.axes:
            self.assertEqual(len(axis.containers), 6, "three dimensions, below n and at n")
            self.assertEqual(sum(len(container.lines[0].get_xdata()) for container in axis.containers), 15)

    def test_points_are_the_means_and_the_full_batch_stands_apart(self):
        figure = self.figure(dimensions=(64,))
        trace = figure.axes[5]
        below, full = (container.lines[0] for container in trace.containers)
        np.testing.assert_allclose(below.get_ydata(), 67 / 64)
        np.testing.assert_allclose(full.get_ydata(), 36 / 64)
        np.testing.assert_allclose(below.get_xdata()[[0, -1]], [-np.log(63), np.log(63)])
        self.assertGreater(full.get_xdata()[0] - below.get_xdata()[-1], 1.0)

    def test_intervals_hold_the_points_and_are_not_empty(self):
        alignment = self.figure().axes[2]
        for container in alignment.containers:
            (bars,) = container.lines[2]
            for (x, mean), segment in zip(container.lines[0].get_xydata(), bars.get_segments()):
                self.assertLessEqual(segment[0][1], mean)
                self.assertGreaterEqual(segment[1][1], mean)
        (bars,) = alignment.containers[0].lines[2]
        self.assertTrue(all(segment[1][1] - segment[0][1] > 1e-3 for segment in bars.get_segments()))

    def test_title_follows_the_data(self):
        self.assertIn("ends at one data point", figure_text(self.figure()))
        self.assertRegex(figure_text(self.figure()), "with ReLU it ends flatter")
        same_trace = self.figure(lambda name, *at: 1.0 if name == "hessian_trace_limit" else synthetic.paper(name, *at))
        self.assertNotIn("ends flatter", figure_text(same_trace))
        dense = self.figure(lambda name, *point: 3.0)
        self.assertNotIn("ends at one data point", figure_text(dense))

    def test_draws_with_one_seed_one_dimension_or_nothing_converged(self):
        for shape in ({"seeds": 1}, {"dimensions": (1,), "batches": ("1",)}, {"batches": ("n",)}):
            self.figure(**shape).savefig(self.path.with_suffix(".png"), dpi=40)
        self.figure(status=lambda *point: 0).savefig(self.path.with_suffix(".png"), dpi=40)

    def test_command_line_writes_a_picture(self):
        synthetic.write_sweep(self.path, synthetic.paper, lambda *point: 1)
        picture = self.path.with_suffix(".png")
        self.assertEqual(main(["figure", str(self.path), "-o", str(picture), "--dpi", "60"]), 0)
        pixels = imread(picture)
        self.assertGreater(pixels.shape[0] * pixels.shape[1], 100000)
        self.assertGreater(len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)), 50, "more than a blank page")


if __name__ == "__main__":
    unittest.main()

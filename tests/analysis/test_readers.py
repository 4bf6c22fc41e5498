"""The results file in other people's programs: xarray with two engines, h5py, ncdump, h5dump. None of our code reads.

The file comes from readers_file.c (environment variable READERS_FILE: the program)."""

import os
import shutil
import subprocess
import tempfile
import unittest
import warnings

import h5py
import numpy as np
import xarray as xr

AXES = ("activation", "sampling", "dimension", "batch", "step_value", "seed")
SHAPE = (2, 1, 3, 5, 2, 6)
COORDINATES = {"samples", "batch_size", "eps", "eta", "max_steps"}
MEASURES = (
    "loss excess_loss norm norm_min norm_max max_share selected winner_rank participation_ratio "
    "participation_ratio_init support active active_init alignment_init alignment_init_active "
    "hessian_trace hessian_max hessian_trace_limit steps steps_norm steps_sparse"
).split()


def fits():
    """True where the batch size fits: 10 does not fit n = 4."""
    inside = np.ones(SHAPE, bool)
    inside[:, :, 2, 4] = False
    return inside


RUN = np.arange(np.prod(SHAPE)).reshape(SHAPE)
DONE = fits() & (RUN % 7 != 3)


class Readers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="sgs-readers-")
        cls.path = os.path.join(cls.folder, "f.h5")
        subprocess.run([os.environ["READERS_FILE"], cls.path], check=True)
        cls.records = os.path.join(cls.folder, "records.h5")
        subprocess.run([os.environ["READERS_FILE"], cls.records, "records"], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def each_engine(self, path=None):
        for engine in ("h5netcdf", "netcdf4"):
            with self.subTest(engine=engine), warnings.catch_warnings():
                warnings.simplefilter("error")
                with xr.open_dataset(path or self.path, engine=engine) as ds:
                    yield ds

    def test_axes_and_coordinates(self):
        for ds in self.each_engine():
            self.assertEqual(ds.loss.dims, AXES)
            self.assertEqual(ds.loss.shape, SHAPE)
            self.assertEqual(set(ds.coords), set(AXES) | COORDINATES | {"feature"})
            self.assertEqual(list(ds.activation.values), ["linear", "relu"])
            self.assertEqual(list(ds.sampling.values), ["without_replacement"])
            self.assertEqual(list(ds.dimension.values), [16, 64, 4])
            self.assertEqual(list(ds.batch.values), ["1", "n/2", "n-1", "n", "10"])
            self.assertEqual(list(ds.step_value.values), [0.05, 0.1])
            self.assertEqual(ds.step_value.attrs["quantity"], "eps")
            self.assertEqual(list(ds.seed.values), list(range(7, 13)))
            self.assertEqual(list(ds.samples.values), [16, 64, 4])
            self.assertEqual(ds.batch_size.values.tolist(), [[1, 8, 15, 16, 10], [1, 32, 63, 64, 10], [1, 2, 3, 4, 0]])
            inside = fits()[0, 0, :, :, :, 0]
            eps = np.where(inside, [0.05, 0.1], np.nan)
            np.testing.assert_array_equal(ds.eps.values, eps)
            np.testing.assert_array_equal(ds.eta.values, eps * ds.batch_size.values[:, :, None])
            self.assertTrue(((ds.max_steps > 0) == fits()[..., 0]).all())
            self.assertEqual(list(ds.feature.values), list(range(1, 65)))

    def test_results(self):
        for ds in self.each_engine():
            for i, name in enumerate(MEASURES):
                whole = name in ("selected", "winner_rank", "support", "active", "active_init") or "steps" in name
                want = np.where(DONE, RUN + (i if whole else i / 100.0), np.nan)
                np.testing.assert_array_equal(ds[name].values, want, err_msg=name)
                self.assertEqual(ds[name].attrs["units"], "step" if name.startswith("steps") else "1")
                self.assertTrue(ds[name].attrs["long_name"])
            weights = RUN[..., None] + np.arange(64) / 1000.0
            np.testing.assert_array_equal(ds.weights.values, np.where(DONE[..., None], weights, np.nan))

    def test_records(self):
        shape = (1, 1, 2, 3, 1, 4)
        run = np.arange(np.prod(shape)).reshape(shape)
        done = run % 7 != 3
        done[:, :, 0, 2] = False  # 5 does not fit n = 4
        for ds in self.each_engine(self.records):
            self.assertEqual(set(ds.coords), set(AXES) | COORDINATES | {"record", "feature"})
            self.assertEqual(ds.record.values.tolist(), [0, 3, 1000])
            self.assertEqual(ds.record.attrs["units"], "step")
            recorded = {name for name, variable in ds.data_vars.items() if "record" in variable.dims}
            self.assertEqual(recorded, {"norm_record", "selected_record", "hessian_max_record", "weights"})
            for name in recorded - {"weights"}:
                self.assertEqual(ds[name].dims, (*AXES, "record"))
                i = MEASURES.index(name.removesuffix("_record"))
                base, more = (i, 10) if name == "selected_record" else (i / 100.0, 1 / 8)
                want = np.where(done[..., None], (run + base)[..., None] + more * np.arange(3), np.nan)
                np.testing.assert_array_equal(ds[name].values, want, err_msg=name)
                self.assertNotIn("at the end", ds[name].attrs["long_name"])
            self.assertEqual(ds.weights.dims, (*AXES, "record", "feature"))
            want = run[..., None, None] + np.arange(6) / 1000.0 + np.arange(3)[:, None] / 8
            np.testing.assert_array_equal(ds.weights.values, np.where(done[..., None, None], want, np.nan))
            at = ds.sel(batch="n", dimension=6, record=1000)
            self.assertEqual(at.norm_record.dims, ("activation", "sampling", "step_value", "seed"))
        for program in filter(shutil.which, ("ncdump", "h5dump")):
            out = subprocess.run([program, self.records], check=True, capture_output=True, text=True)
            self.assertEqual(out.stderr, "")
            self.assertIn("selected_record", out.stdout)

    def test_status_and_checksum(self):
        for ds in self.each_engine():
            status = np.where(DONE, np.where(RUN % 5 == 0, 2, 1), np.where(fits(), 0, 5))
            np.testing.assert_array_equal(ds.status.values, status)
            self.assertEqual(ds.status.dtype, np.int8)
            self.assertEqual(list(ds.status.attrs["flag_values"]), list(range(8)))
            meanings = "pending converged max_steps diverged dead skipped failed not_needed"
            self.assertEqual(ds.status.attrs["flag_meanings"], meanings)
            np.testing.assert_array_equal(ds.checksum.values != 0, DONE)
            converged = ds.where(ds.status == 1)
            self.assertEqual(int(converged.loss.notnull().sum()), int((status == 1).sum()))

    def test_selections(self):
        for ds in self.each_engine():
            at = ds.sel(batch="n-1", activation="relu")
            self.assertEqual(at.loss.dims, ("sampling", "dimension", "step_value", "seed"))
            np.testing.assert_array_equal(at.batch_size.values, [15, 63, 3])
            over_b = ds.isel(dimension=0).swap_dims(batch="batch_size").max_share.mean("seed")
            self.assertEqual(over_b.dims, ("activation", "sampling", "batch_size", "step_value"))
            self.assertEqual(over_b.sel(batch_size=15, activation="relu").shape, (1, 2))

    def test_plot_over_batch_size(self):
        import matplotlib

        matplotlib.use("Agg")
        for ds in self.each_engine():
            one = ds.isel(dimension=0, sampling=0, step_value=0, activation=1).swap_dims(batch="batch_size")
            (line,) = one.sortby("batch_size").max_share.mean("seed").plot()
            self.assertEqual(list(line.get_xdata()), [1, 8, 10, 15, 16])

    def test_attributes(self):
        for ds in self.each_engine():
            self.assertEqual(ds.attrs["Conventions"], "CF-1.8")
            self.assertEqual(int(ds.attrs["format_version"]), 1)
            self.assertGreaterEqual(int(ds.attrs["algorithm_version"]), 1)
            self.assertEqual(len(ds.attrs["grid_digest"]), 32)
            self.assertIn("batch_size: [1, n/2, n-1, n, 10]", ds.attrs["grid"])
            self.assertTrue(ds.attrs["grid_source"].startswith("activation: [linear, relu]\n"))
            self.assertTrue(ds.attrs["program_version"] and ds.attrs["build"])

    def test_h5py_sees_frozen_layout(self):
        with h5py.File(self.path, "r") as f:
            self.assertEqual([f["loss"].dims[i][0].name for i in range(6)], ["/" + axis for axis in AXES])
            for name, variable in f.items():
                self.assertIsNone(variable.chunks, name)
                self.assertIsNotNone(variable.id.get_offset(), name)

    @unittest.skipUnless(shutil.which("ncdump"), "no ncdump")
    def test_ncdump(self):
        out = subprocess.run(["ncdump", "-h", self.path], check=True, capture_output=True, text=True)
        self.assertEqual(out.stderr, "")
        for line in (
            "activation = 2 ;",
            "feature = 64 ;",
            "string batch(batch) ;",
            "double loss(activation, sampling, dimension, batch, step_value, seed) ;",
            "int64 steps(activation, sampling, dimension, batch, step_value, seed) ;",
            "byte status(activation, sampling, dimension, batch, step_value, seed) ;",
            "uint checksum(activation, sampling, dimension, batch, step_value, seed) ;",
            ':Conventions = "CF-1.8" ;',
        ):
            self.assertIn(line, out.stdout)
        subprocess.run(["ncdump", self.path], check=True, stdout=subprocess.DEVNULL)

    @unittest.skipUnless(shutil.which("h5dump"), "no h5dump")
    def test_h5dump(self):
        out = subprocess.run(["h5dump", "-H", self.path], check=True, capture_output=True, text=True)
        self.assertEqual(out.stderr, "")
        self.assertIn('DATASET "hessian_trace_limit"', out.stdout)
        subprocess.run(["h5dump", self.path], check=True, stdout=subprocess.DEVNULL)

    def test_append_with_netcdf4(self):
        """A user may add a variable to a copy: netCDF-4 refuses files without creation order."""
        import netCDF4

        copy = os.path.join(self.folder, "copy.h5")
        shutil.copy(self.path, copy)
        with netCDF4.Dataset(copy, "a") as nc:
            nc.createVariable("mine", "f8", ("seed",))[:] = np.arange(6.0)
        with xr.open_dataset(copy) as ds:
            self.assertEqual(ds.mine.values.tolist(), list(np.arange(6.0)))


if __name__ == "__main__":
    unittest.main()

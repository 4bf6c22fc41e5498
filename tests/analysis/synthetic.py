"""Small results files with known contents, in the layout of a sweep, written with h5py alone."""

import h5py
import numpy as np

AXES = ("activation", "sampling", "dimension", "batch", "step_value", "seed")
REAL = ("max_share", "participation_ratio", "alignment_init", "hessian_trace_limit")


def write_sweep(path, value, status, dimensions=(16, 64, 256), batches=("1", "n/4", "n/2", "n-1", "n"),
                step_values=(0.1, 0.2), seeds=8):
    """Write a file whose measures are value(measure, activation, d, b, eps, seed) and whose status is status(the same).

    n = d. A batch expression that does not fit gets batch size 0 and status skipped (5)."""
    coordinates = {"activation": ("linear", "relu"), "sampling": ("without_replacement",), "dimension": dimensions,
                   "batch": batches, "step_value": step_values, "seed": tuple(range(1, seeds + 1))}
    shape = tuple(len(coordinates[axis]) for axis in AXES)
    sizes = np.array([[batch_size(text, d) for text in batches] for d in dimensions], dtype=np.int32)
    arrays = {name: np.full(shape, np.nan) for name in REAL}
    states = np.full(shape, 5, dtype=np.int8)
    for at in np.ndindex(*shape):
        b = sizes[at[2], at[3]]
        if b < 1:
            continue
        point = (coordinates["activation"][at[0]], dimensions[at[2]], int(b), step_values[at[4]], at[5] + 1)
        states[at] = status(*point)
        for name, array in arrays.items():
            array[at] = value(name, *point)
    with h5py.File(path, "w", track_order=True) as file:
        _write(file, coordinates, sizes, arrays, states)


def batch_size(text, n):
    b = {"n": n, "n-1": n - 1, "n/2": n // 2, "n/4": n // 4}.get(text)
    b = int(text) if b is None else b
    return b if 1 <= b <= n else 0


def _write(file, coordinates, sizes, arrays, states):
    types = {"dimension": np.int32, "step_value": float, "seed": np.int64}
    for axis in AXES:
        dtype = types.get(axis, h5py.string_dtype())
        file.create_dataset(axis, data=np.array(coordinates[axis], dtype=dtype)).make_scale(axis)
    auxiliary = {"samples": (np.array(coordinates["dimension"], dtype=np.int32), ("dimension",)),
                 "batch_size": (sizes, ("dimension", "batch"))}
    for name, (data, axes) in auxiliary.items():
        _variable(file, name, data, axes)
    for name, data in arrays.items():
        _variable(file, name, data, AXES).attrs["coordinates"] = "samples batch_size"
    weights = np.ones((*states.shape, max(coordinates["dimension"])))
    file.create_dataset("feature", data=np.arange(1, weights.shape[-1] + 1)).make_scale("feature")
    _variable(file, "weights", weights, (*AXES, "feature"))
    _variable(file, "status", states, AXES).attrs["coordinates"] = "samples batch_size"
    file.attrs["format_version"] = np.int32(1)


def _variable(file, name, data, axes):
    variable = file.create_dataset(name, data=data)
    for position, axis in enumerate(axes):
        variable.dims[position].attach_scale(file[axis])
    return variable


def paper(measure, activation, d, b, eps, seed):
    """Roughly what the paper says, with n = d: one data point for b < n, the active part of the start for b = n."""
    noise = 1 + 0.05 * np.sin(12.9 * seed + d)
    active = d if activation == "linear" else d / 2
    if b < d:
        return {"max_share": 1.0, "participation_ratio": 1.0, "alignment_init": noise * 2 / np.sqrt(d),
                "hessian_trace_limit": 4 / d if activation == "linear" else (3 + d) / d}[measure]
    return {"max_share": 8 / d, "participation_ratio": noise * active / 3,
            "alignment_init": min(1.0, noise * np.sqrt(active / d)) if activation == "relu" else 1.0,
            "hessian_trace_limit": (4 + d - active) / d}[measure]

"""The best simple script: Numba, a_i = g u_i with a lazy scale g, O(b) a step, batches from an index array that is
shuffled a little further at every step.

An xorshift generator in the loop, 32-bit unsigned indices and NumPy's rules for a division by zero: at b = 1 that is
twice as fast as np.random and Numba's defaults."""

import numba
import numpy as np

RUNS = 1

U13, U7, U17, U32 = (np.uint64(bits) for bits in (13, 7, 17, 32))


@numba.njit
def sums(u):
    active, all_ = 0.0, 0.0
    for x in u:
        all_ += x * x
        if x > 0:
            active += x * x
    return active, all_ - active


@numba.njit(error_model="numpy")
def advance(u, index, state, b, eps, steps):
    """u, index and state change in place; returns the scale that u is then to be multiplied with."""
    n = len(u)
    random, g, quiet = state[0], 1.0, 16 * n
    active, rest = sums(u)
    for _ in range(steps):
        drawn = 0.0
        for k in range(b):
            j = np.uint64(k)
            if b < n:
                random ^= random << U13
                random ^= random >> U7
                random ^= random << U17
                j += ((random >> U32) * np.uint64(n - k)) >> U32
            i = index[j]
            index[j] = index[k]
            index[k] = i
            if u[i] > 0:
                drawn += u[i] * u[i]
        drawn *= g * g
        c = 1 - eps * drawn
        member = c + eps * (2 - active - rest)
        factor = member / c
        for k in range(b):
            i = index[k]
            if u[i] > 0:
                u[i] *= factor
        g *= c
        active = c * c * (active - drawn) + member * member * drawn
        rest *= c * c
        quiet -= 1
        if quiet == 0 or g < 1e-50:  # against rounding drift, and before anything underflows
            for i in range(n):
                u[i] *= g
                if abs(u[i]) < 1e-100:
                    u[i] = 1e-100 if u[i] > 0 else -1e-100
            g, quiet = 1.0, 16 * n
            active, rest = sums(u)
    state[0] = random
    return g


class Peer:
    def __init__(self, n, b, eps, start, seed):
        self.b, self.eps = b, eps
        self.u = np.array(start)
        self.index = np.arange(n, dtype=np.uint32)
        self.state = np.random.default_rng(seed).integers(1, 2**63, 1, dtype=np.uint64)

    def advance(self, steps):
        self.u *= advance(self.u, self.index, self.state, self.b, self.eps, steps)

    def coordinates(self):
        return [self.u.tolist()]

    def batches(self):
        return [self.index[: self.b].tolist()]

"""Two points exactly: n = d = 2, linear, b = 1 without replacement as a Markov operator, solved on a grid.

A step draws one of the two points with probability 1/2 and maps (r, N) to one of two values, r = log |a_1 / a_2| and
N = ||w||^2; no approximation in eps. With the operator M of linear interpolation between grid points, the probability
h that point 1 wins solves h = M h with h = 1 for r > R and 0 for r < -R, and the mean of a function f after t steps
is M^t f. N has a grid from below the start's to above the edge of the trap (analysis/theory.py), where it is held.
Interpolation acts like a diffusion of variance at most spacing^2 / 4 a step, which must be small beside the walk's
own, eps^2.
"""

import numpy as np
from scipy.sparse import coo_matrix, identity
from scipy.sparse.linalg import splu

RANGE = 9.0  # beyond: decided, up to exp(-RANGE)


class TwoPoints:
    def __init__(self, eps, lowest_norm2, spacing=None):
        spacing = spacing or eps / 5
        self.r = np.linspace(-RANGE, RANGE, 2 * int(np.ceil(RANGE / spacing)) + 1)
        levels = 2 + int((0.26 - np.log(lowest_norm2)) / 0.08)
        self.log_norm2 = np.linspace(np.log(lowest_norm2) - 0.01, 0.25, levels)
        r, log_norm2 = np.meshgrid(self.r, self.log_norm2, indexing="ij")
        self.shape = r.shape
        self.decided = np.abs(r.ravel()) >= RANGE - 1e-9
        self.operator = 0.5 * sum(self._interpolation(*_step(r, np.exp(log_norm2), eps, first)) for first in (0, 1))

    def winner(self, a):
        """Probability that point 1 wins from the start a = (a_1, a_2)."""
        chance = (np.repeat(self.r, self.shape[1]) > 0) * 1.0
        free = np.flatnonzero(~self.decided)
        rows = self.operator[free]
        system = identity(free.size) - rows[:, free]
        chance[free] = splu(system.tocsc()).solve(rows[:, self.decided] @ chance[self.decided])
        return self._at(chance, a)

    def mean_share(self, a, steps):
        """Mean of max_share after so many steps."""
        share = np.repeat(1 / (1 + np.exp(-2 * np.abs(self.r))), self.shape[1])
        for _ in range(steps):
            share = self.operator @ share
        return self._at(share, a)

    def _at(self, solution, a):
        a = np.abs(np.asarray(a, dtype=float))
        where = self._interpolation(np.array([np.log(a[0] / a[1])]), np.array([np.log((a**2).sum())]))
        return float((where @ solution)[0])

    def _interpolation(self, r, log_norm2):
        """Rows of bilinear weights; beyond the grid the nearest point of it."""
        lows, parts = [], []
        for values, axis in ((r, self.r), (log_norm2, self.log_norm2)):
            place = np.clip((values.ravel() - axis[0]) / (axis[1] - axis[0]), 0.0, axis.size - 1.0)
            lows.append(np.minimum(place.astype(int), axis.size - 2))
            parts.append(place - lows[-1])
        rows, columns, weights = [], [], []
        for i in (0, 1):
            for j in (0, 1):
                rows.append(np.arange(lows[0].size))
                columns.append((lows[0] + i) * self.shape[1] + lows[1] + j)
                weights.append((parts[0] if i else 1 - parts[0]) * (parts[1] if j else 1 - parts[1]))
        shape = (lows[0].size, self.shape[0] * self.shape[1])
        return coo_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape).tocsr()


def _step(r, norm2, eps, first):
    """(r, log N) after point 1 (first = 1) or point 2 was drawn."""
    share = 1 / (1 + np.exp(-2 * r))
    inside = norm2 * (share if first else 1 - share)
    c = 1 - eps * inside
    ce = c + eps * (2 - norm2)
    moved = np.log(ce / c)
    return r + (moved if first else -moved), np.log(c**2 * (norm2 - inside) + ce**2 * inside)

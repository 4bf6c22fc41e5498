"""The paper authors' way: dense w in R^d, dense orthonormal data, one run, a Python loop over the steps."""

import numpy as np

RUNS = 1


class Peer:
    def __init__(self, n, b, eps, start, seed):
        self.n, self.b, self.eta = n, b, eps * b
        self.rng = np.random.default_rng(seed)
        self.x = np.linalg.qr(self.rng.standard_normal((n, n)))[0]  # rows: the data points
        self.w = self.x.T @ np.array(start)
        self.drawn = np.arange(n)

    def advance(self, steps):
        x, w, n, b = self.x, self.w, self.n, self.b
        batch = x
        for _ in range(steps):
            if b < n:
                self.drawn = self.rng.choice(n, b, replace=False)
                batch = x[self.drawn]
            pre = batch @ w
            act = np.maximum(pre, 0)
            residual = np.outer(act, w) - batch
            gradient = batch.T @ ((residual @ w) * (pre > 0)) + residual.T @ act
            w -= self.eta / b * gradient

    def coordinates(self):
        return [(self.x @ self.w).tolist()]

    def batches(self):
        return [self.drawn.tolist()]

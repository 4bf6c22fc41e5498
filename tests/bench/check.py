"""Is a peer right? Checked before it is timed, against the definition of the model and against the paper's limits.

The model: f_w(x) = relu(<w, x>) w on n orthonormal points x_i of R^n, l_i(w) = 1/2 ||f_w(x_i) - x_i||^2, and a step
w -= eta/b sum over the batch of grad l_i(w) with b distinct points. In coordinates a_i = <w, x_i> the data points are
unit vectors."""

import math
import random


def start(n, scale=0.1, seed=1):
    """A gaussian start of the expected length scale, in coordinates."""
    chance = random.Random(seed)
    return [chance.gauss(0, scale / math.sqrt(n)) for _ in range(n)]


def gradient(w, i):
    """Of l_i, from the definition: the chain rule through f and nothing simplified."""
    n = len(w)
    x = [1.0 if k == i else 0.0 for k in range(n)]
    pre = sum(wk * xk for wk, xk in zip(w, x))
    act, slope = max(pre, 0.0), 1.0 if pre > 0 else 0.0
    residual = [act * wk - xk for wk, xk in zip(w, x)]
    along = sum(rk * wk for rk, wk in zip(residual, w))
    return [slope * along * xk + act * rk for xk, rk in zip(x, residual)]


def reference_step(w, batch, eps):
    gradients = [gradient(w, i) for i in batch]
    return [wk - eps * sum(g[k] for g in gradients) for k, wk in enumerate(w)]


class Wrong(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Wrong(what)


def steps_equal(peer, n, b, eps=0.2, steps=50):
    """One step at a time from the peer's own point, with the batch that it drew."""
    one = peer.Peer(n, b, eps, start(n, scale=0.7, seed=n + b), seed=b)
    for t in range(steps):
        before = one.coordinates()
        one.advance(1)
        after, batches = one.coordinates(), one.batches()
        for run in range(0, len(after), 64):
            drawn = batches[run]
            require(len(drawn) == b and len(set(drawn)) == b and set(drawn) <= set(range(n)),
                    f"n={n} b={b}: batch {drawn} at step {t}")
            expected = reference_step(before[run], drawn, eps)
            error = max(abs(x - y) for x, y in zip(expected, after[run]))
            require(error < 1e-13, f"n={n} b={b}: off by {error:g} at step {t}")


def calls_equal(peer, n, b, eps=0.2, steps=200):
    """Many steps in one call are the same steps one by one: nothing carried along between steps is wrong."""
    one, many = (peer.Peer(n, b, eps, start(n, scale=0.7, seed=n), seed=3) for _ in range(2))
    many.advance(1)
    many.advance(steps)
    for _ in range(steps + 1):
        one.advance(1)
    require(one.batches() == many.batches(), f"n={n} b={b}: other batches in one call of {steps} steps")
    error = max(abs(x - y) for left, right in zip(one.coordinates(), many.coordinates()) for x, y in zip(left, right))
    require(error < 1e-11, f"n={n} b={b}: one call of {steps} steps is {error:g} off the same steps one by one")


def draws_uniform(peer, n, b, draws=1600):
    """Every point is in a batch as often as another: within six standard deviations of draws b/n."""
    one = peer.Peer(n, b, 0.01, start(n), seed=5)
    count, seen = [0] * n, 0
    while seen < draws:
        one.advance(1)
        for batch in one.batches():
            seen += 1
            for i in batch:
                count[i] += 1
    deviation = math.sqrt(seen * b / n * (1 - b / n))
    worst = max(abs(k - seen * b / n) for k in count)
    require(worst <= 6 * deviation, f"n={n} b={b}: counts {count} after {seen} draws")


def full_batch_limit(peer, n=16, eps=0.1, steps=1500):
    """b = n ends at the active part of the start, normalised."""
    w0 = start(n, seed=3)
    one = peer.Peer(n, n, eps, w0, seed=1)
    one.advance(steps)
    active = [max(a, 0.0) for a in w0]
    length = math.sqrt(sum(a * a for a in active))
    for end in one.coordinates():
        error = max(abs(x - y / length) for x, y in zip(end, active))
        require(error < 1e-9, f"full batch: {error:g} off the active part of the start, normalised")


def sparse_limit(peer, n, b, eps=0.4, steps=6000):
    """b < n ends at one data point."""
    one = peer.Peer(n, b, eps, start(n, seed=4), seed=2)
    one.advance(steps)
    for end in one.coordinates():
        norm2 = sum(a * a for a in end)
        share = max(a * a for a in end) / norm2
        require(abs(norm2 - 1) < 1e-6 and share > 1 - 1e-6, f"n={n} b={b}: norm^2 {norm2:g}, max share {share:g}")


def check(peer):
    """Raises Wrong."""
    for n, b in ((8, 1), (8, 3), (8, 5), (8, 7), (8, 8), (1, 1), (5, 4)):
        steps_equal(peer, n, b)
        calls_equal(peer, n, b)
    for n, b in ((8, 1), (8, 3), (8, 5), (8, 7)):
        draws_uniform(peer, n, b)
    full_batch_limit(peer)
    sparse_limit(peer, 8, 3)
    sparse_limit(peer, 6, 5)

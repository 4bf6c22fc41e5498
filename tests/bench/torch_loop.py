"""What most people would write: PyTorch, autograd and its SGD optimiser, one run, a Python loop over the steps."""

import torch

RUNS = 1

torch.set_num_threads(1)


class Peer:
    def __init__(self, n, b, eps, start, seed):
        self.n, self.b = n, b
        self.generator = torch.Generator().manual_seed(seed)
        self.x = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=self.generator))[0]
        self.w = (self.x.T @ torch.tensor(start, dtype=torch.float64)).requires_grad_()
        self.optimiser = torch.optim.SGD([self.w], lr=eps * b)
        self.drawn = torch.arange(n)

    def advance(self, steps):
        batch = self.x
        for _ in range(steps):
            if self.b < self.n:
                self.drawn = torch.randperm(self.n, generator=self.generator)[: self.b]
                batch = self.x[self.drawn]
            output = torch.outer(torch.relu(batch @ self.w), self.w)
            loss = 0.5 * ((output - batch) ** 2).sum() / self.b
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    def coordinates(self):
        return [(self.x @ self.w.detach()).tolist()]

    def batches(self):
        return [self.drawn.tolist()]

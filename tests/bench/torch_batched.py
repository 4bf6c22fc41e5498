"""PyTorch at its best: the closed form of a step in the coordinates a_i, 256 runs at once.

    c = 1 - eps S_B,  active members of the batch take c + eps (2 - N),  all others c
"""

import torch

RUNS = 256

torch.set_num_threads(1)


class Peer:
    def __init__(self, n, b, eps, start, seed):
        self.n, self.b, self.eps = n, b, eps
        self.generator = torch.Generator().manual_seed(seed)
        self.a = torch.tensor(start, dtype=torch.float64).repeat(RUNS, 1)
        self.drawn = torch.arange(n).repeat(RUNS, 1)

    def draw(self):
        """Whichever of the batch and its complement is smaller."""
        count = min(self.b, self.n - self.b)
        if count == 1:
            return torch.randint(self.n, (RUNS, 1), generator=self.generator)
        return torch.rand(RUNS, self.n, generator=self.generator).topk(count, dim=1, sorted=False).indices

    def advance(self, steps):
        n, b, eps, a = self.n, self.b, self.eps, self.a
        for _ in range(steps):
            squares = a * a
            norm2 = squares.sum(1, keepdim=True)
            if b <= n - b:
                self.drawn = self.draw()
                members = a.gather(1, self.drawn)
                active = members > 0
                c = 1 - eps * (members * members * active).sum(1, keepdim=True)
                a *= c
                a.scatter_(1, self.drawn, torch.where(active, members * (c + eps * (2 - norm2)), members * c))
                continue
            member = a > 0
            if b < n:
                self.drawn = self.draw()
                member.scatter_(1, self.drawn, False)
            c = 1 - eps * (squares * member).sum(1, keepdim=True)
            a *= c + member * (eps * (2 - norm2))

    def coordinates(self):
        return self.a.tolist()

    def batches(self):
        if 2 * self.b <= self.n or self.b == self.n:
            return self.drawn.tolist()
        return [sorted(set(range(self.n)) - set(left_out)) for left_out in self.drawn.tolist()]

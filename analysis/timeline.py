"""Where the time of a sweep went: ranks, blocks, waiting, from its log (FILE.log)."""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from analysis.style import BLUE, GREY, ORANGE, SKY, new_figure, plain
from analysis.sweep import RUN_AXES, SweepError

BARS = 20000  # more blocks than this are drawn as pixels
PIXELS = 400
CELLS = 12


def timeline_figure(sweep, path):
    """Above what every rank did, a row per rank: a block from when it was reported back to its processor time before;
    what is left is waiting, or a processor shared with others. In the middle the ranks at work. Below the cells that
    took the most."""
    lives, blocks = read_log(path)
    if not blocks:
        raise SweepError(f"{path}: no block in it")
    ranks = max(block["rank"] for block in blocks) + 1
    ranks = max([ranks] + [life["ranks"] for life in lives])
    length = sum(life["end"] - life["start"] for life in lives)
    work = sum(block["seconds"] for block in blocks)
    figure = new_figure(8.0, 8.6, "Where the time went", _note(lives, blocks, ranks, length, work))
    axes = figure.subplots(3, 1, height_ratios=(3, 1.4, 2.6))
    _draw_ranks(axes[0], blocks, ranks, length)
    _draw_busy(axes[1], blocks, ranks, length)
    axes[1].sharex(axes[0])
    _draw_cells(axes[2], sweep, blocks)
    for axis in axes[:2]:
        for life in lives[1:]:
            axis.axvline(life["origin"], color="black", linewidth=1, linestyle=":")
    return figure


def read_log(path):
    """(lives, blocks). A life is one start of the program; the time between two lives is cut out. Times in seconds; a
    line that is cut short, as a kill leaves them, ends its life and is left out."""
    path = Path(path)
    if not path.is_file():
        raise SweepError(f"{path}: no such file")
    lives, blocks = [], []
    for line in path.read_text(errors="replace").splitlines():
        try:
            event = json.loads(line)
            name, now = event["event"], _seconds(event["time"])
        except (ValueError, KeyError, TypeError):
            continue
        if name in ("start", "resume"):
            origin = lives[-1]["origin"] + lives[-1]["end"] - lives[-1]["start"] if lives else 0.0
            lives.append({"start": now, "end": now, "origin": origin, "ranks": int(event["ranks"])})
        elif lives:
            lives[-1]["end"] = max(lives[-1]["end"], now)
            if name == "block":
                at = now - lives[-1]["start"] + lives[-1]["origin"]
                blocks.append({"at": at, "rank": int(event["rank"]), "seconds": float(event["seconds"]),
                               "first": int(event["first"]), "count": int(event["count"]), "life": len(lives) - 1})
    return lives, blocks


def _seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _note(lives, blocks, ranks, length, work):
    text = f"{len(blocks):,} blocks, {sum(block['count'] for block in blocks):,} runs, {ranks} ranks, {length:.3g} s"
    if len(lives) > 1:
        text += f" in {len(lives)} lives (dotted lines)"
    possible = sum(life["ranks"] * (life["end"] - life["start"]) for life in lives)
    return text + f"; training took {work:.3g} s of processor time, {work / possible:.0%} of ranks times duration"


def spans(blocks):
    """rank -> [(from, to)] in time: a rank trains one block after the other, none begins before the last one ends."""
    found = defaultdict(list)
    for block in sorted(blocks, key=lambda block: block["at"]):
        before = found[block["rank"]][-1][1] if found[block["rank"]] else 0.0
        found[block["rank"]].append((max(block["at"] - block["seconds"], before), block["at"]))
    return found


def busy(blocks, ranks, length, pixels=PIXELS):
    """[rank, pixel]: the share of each slice of time in which a rank trained."""
    edges = np.linspace(0.0, length, pixels + 1)
    shares = np.zeros((ranks, pixels))
    for rank, parts in spans(blocks).items():
        begin, end = np.array(parts).T
        # The integral of "at work", at the edges: parts of one rank do not overlap.
        done = np.clip(edges[:, np.newaxis] - begin, 0, end - begin).sum(axis=1) if len(parts) <= 5000 else \
            _integral(edges, begin, end)
        shares[rank] = np.diff(done) / (length / pixels)
    return shares.clip(0, 1)


def _integral(edges, begin, end):
    times = np.column_stack([begin, end]).ravel()
    total = np.concatenate([[0.0], np.cumsum(np.where(np.arange(1, times.size) % 2, np.diff(times), 0.0))])
    return np.interp(edges, times, total, left=0.0, right=total[-1])


def _draw_ranks(axis, blocks, ranks, length):
    if len(blocks) <= BARS and ranks <= 64:
        axis.set_facecolor("0.93")
        for rank, parts in spans(blocks).items():
            for shade in (0, 1):
                chosen = [(begin, end - begin) for begin, end in parts[shade::2]]
                axis.broken_barh(chosen, (rank - 0.4, 0.8), facecolors=(BLUE, SKY)[shade], linewidth=0)
        axis.set_ylim(ranks - 0.5, -0.5)
        axis.set_title("blocks (blue in turns); grey: waiting, writing, or a processor shared", fontsize=9.5)
    else:
        axis.imshow(busy(blocks, ranks, length), aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1,
                    extent=(0, length, ranks - 0.5, -0.5))
        axis.set_title("share of the time in which a rank trains: yellow all, blue none", fontsize=9.5)
    axis.set_ylabel("rank")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlim(0, length)
    axis.tick_params(labelbottom=False, labelsize=9)


def _draw_busy(axis, blocks, ranks, length):
    at_work = busy(blocks, ranks, length, 200).sum(axis=0)
    axis.fill_between(np.linspace(0, length, 201), np.r_[at_work, at_work[-1]], step="post", color=BLUE, linewidth=0)
    axis.axhline(ranks, color=ORANGE, linewidth=1.2, linestyle="--")
    axis.set_ylim(0, 1.08 * ranks)
    axis.set_ylabel("ranks training")
    axis.set_xlabel("seconds since the start")
    plain(axis)


def _draw_cells(axis, sweep, blocks):
    """A block is of one activation, sampling, dimension and batch size: its first run says which."""
    shape = [sweep.sizes[name] for name in RUN_AXES]
    sums = defaultdict(float)
    for block in blocks:
        if not 0 <= block["first"] < np.prod(shape):
            raise SweepError("the log is of another file: it names runs that are not there")
        sums[np.unravel_index(block["first"], shape)[:4]] += block["seconds"]
    largest = sorted(sums, key=sums.get, reverse=True)[:CELLS]
    rest = sum(sums.values()) - sum(sums[at] for at in largest)
    names = [_cell(sweep, at) for at in largest]
    values = [sums[at] for at in largest]
    if len(sums) > len(largest):
        names.append(f"the other {len(sums) - len(largest)}")
        values.append(rest)
    colours = [BLUE] * len(largest) + [GREY]
    axis.barh(range(len(values)), values, color=colours[: len(values)])
    axis.set_yticks(range(len(values)), names)
    axis.invert_yaxis()
    axis.set_xlabel("seconds of processor time, all step sizes and seeds")
    plain(axis, grid="x")
    axis.tick_params(axis="y", labelsize=8.5)


def _cell(sweep, at):
    activation, sampling, dimension, batch = at
    text = f"{sweep['activation'].values[activation]}, n = {int(sweep['samples'].values[dimension])}, "
    text += f"b = {int(sweep['batch_size'].values[dimension, batch])}"
    if sweep.sizes["sampling"] > 1:
        text += f", {str(sweep['sampling'].values[sampling]).replace('_', ' ')}"
    return text

"""What the figures have in common. Colours are told apart with any colour vision; markers and lines too, in grey."""

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

# Okabe and Ito's colours.
BLUE, ORANGE, GREEN, PINK, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000"
YELLOW, GREY, AMBER = "#F0E442", "#BBBBBB", "#E69F00"
STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (PINK, "D", ":"), (SKY, "v", "-"),
          (BLACK, "P", "--"), (AMBER, "X", "-."), ("#777777", "*", ":"))


def new_figure(width, height, title, note):
    """A figure with a title, what it rests on in small print below, and axes laid out between the two."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=12.5, fontweight="bold")
    figure.supxlabel(note, fontsize=8.5, color="0.3")
    return figure


def plain(axis, grid="y"):
    axis.spines[["top", "right"]].set_visible(False)
    if grid:
        axis.grid(axis=grid, color="0.88", linewidth=0.6, zorder=0)
    axis.tick_params(labelsize=9)


def activation_title(name):
    return {"relu": "ReLU"}.get(name, name)


def setting(d, n):
    return f"$d = n = {d}$" if d == n else f"$d = {d}$, $n = {n}$"


def with_legend_row(figure, rows, columns, handles, per_line, **options):
    """subplots below a row for the legend, which then covers no data."""
    above, below = figure.subfigures(2, 1, height_ratios=(0.07 * -(-len(handles) // per_line), rows))
    above.legend(handles=handles, loc="center", ncol=per_line, frameon=False, fontsize=9)
    return below, below.subplots(rows, columns, squeeze=False, **options)

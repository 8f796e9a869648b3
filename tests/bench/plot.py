# SPDX-License-Identifier: Apache-2.0
"""The growth curves as a picture."""
# what, title, axis, how much of the axis's unit one is
PANELS = (("memory", "memory of the daemon", "RSS (MiB)", 2**-20),
          ("refresh", "listing everything anew", "CPU of the daemon (s)", 1),
          ("look-up", "look-up of a new name", "time (µs)", 1e6),
          ("ls", "warm `ls` of one disk with 100 snapshots", "whole process (ms)", 1e3))
COLOURS = ("#1b6ca8", "#b5462f", "#2e7d4f", "#7a4d9f")


def draw(curves, path, about):
    """`curves`: {what: {snapshots: value}}.  False when there is nothing to draw with."""
    try:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7.5), facecolor="white")
    for axis, (what, title, label, unit), colour in zip(axes.flat, PANELS, COLOURS):
        points = sorted((int(n), value * unit) for n, value in curves[what].items())
        xs, ys = [n for n, _ in points], [value for _, value in points]
        axis.loglog(xs, ys, "o-", color=colour, linewidth=1.8, markersize=6, label="measured")
        for n, value in points:
            axis.annotate(f"{value:,.3g}" if value < 1000 else f"{value:,.0f}", (n, value), textcoords="offset points",
                          xytext=(0, 9), ha="center", fontsize=9)
        # A line that grows with the account, to see what does not.
        axis.loglog([xs[0], xs[-1]], [ys[0], ys[0] * xs[-1] / xs[0]], ":", color="#999999", linewidth=1, label="10 × as much for 10 ×")
        axis.set_ylim(min(ys) / 3, max(max(ys) * 4, min(ys) * 30))
        axis.set_xlim(xs[0] / 2, xs[-1] * 2)
        axis.set_xticks(xs, [f"{n:,}" for n in xs])
        axis.minorticks_off()
        axis.set_xlabel("snapshots in the account")
        axis.set_ylabel(label)
        axis.set_title(title, fontsize=11)
        axis.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.grid(True, which="major", color="#dddddd", linewidth=0.7)
        axis.legend(loc="upper left", fontsize=8, frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.suptitle(f"cbsfs by the size of the account\n{about}", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    return True

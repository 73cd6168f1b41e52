"""Draw the report: figures against their targets, distributions, and memory over time."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.figures import Figure, Verdict


#: A figure that is this many times as good as its target fills its row.
FULL = 3.0
BINS = 60
WIDTH_IN, ROW_IN, PANEL_IN = 11.0, 0.32, 2.2
COLOURS = {Verdict.MET: "#2a7d4f", Verdict.MISSED: "#c33c3c"}


def draw(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Draw what the figures allow; return the written files."""
    drawings = {
        "figures": ([f for f in figures if f.verdict in COLOURS], _draw_targets),
        "distributions": ([f for f in figures if f.samples], _draw_distributions),
        "memory": ([f for f in figures if f.points], _draw_lines),
    }
    written = []
    for name, (chosen, fill) in drawings.items():
        path = folder / f"{name}.svg"
        path.unlink(missing_ok=True)
        if chosen:
            canvas = fill(chosen)
            canvas.savefig(path)
            written.append(path)
    return written


def _draw_targets(figures: Sequence[Figure]) -> Canvas:
    """Draw a bar for each figure; it passes the mark if the figure beats its target."""
    canvas = Canvas(figsize=(WIDTH_IN, ROW_IN * len(figures) + 1), layout="constrained")
    axes = canvas.subplots()
    rows = range(len(figures))
    lengths = [min(_share_of_target(figure), FULL) for figure in figures]
    axes.barh(rows, lengths, color=[COLOURS[figure.verdict] for figure in figures])
    for row, length, figure in zip(rows, lengths, figures, strict=True):
        axes.text(length + 0.03, row, f"{figure.text}  (target {figure.target_text})", va="center")
    axes.axvline(1, color="#444444", linestyle="--")
    axes.set_yticks(rows, [figure.name for figure in figures])
    axes.invert_yaxis()
    axes.set_xlim(0, FULL + 1.5)
    axes.set_xlabel("times as good as the target")
    return canvas


def _share_of_target(figure: Figure) -> float:
    value, target = max(figure.value or 0.0, 1e-9), max(figure.target or 0.0, 1e-9)
    return target / value if figure.is_ceiling else value / target


def _draw_distributions(figures: Sequence[Figure]) -> Canvas:
    """Draw a histogram for each figure that has samples, with its percentiles' value and target."""
    canvas, panels = _panels(figures)
    for axes, figure in zip(panels, figures, strict=True):
        axes.hist(figure.samples, bins=BINS, color="#3b6ea5")
        axes.axvline(figure.value or 0.0, color="#222222", label=f"{figure.text}")
        if figure.target is not None:
            axes.axvline(
                figure.target, color="#c33c3c", linestyle="--", label=f"target {figure.target_text}"
            )
        axes.set_title(figure.name, loc="left", fontsize=9)
        axes.set_xlabel(figure.unit)
        axes.set_ylabel("count")
        axes.legend()
    return canvas


def _draw_lines(figures: Sequence[Figure]) -> Canvas:
    canvas, panels = _panels(figures)
    for axes, figure in zip(panels, figures, strict=True):
        axes.plot(*zip(*figure.points, strict=True), marker="o", color="#3b6ea5")
        if figure.target is not None:
            axes.axhline(figure.target, color="#c33c3c", linestyle="--")
        axes.set_title(figure.name, loc="left", fontsize=9)
        axes.set_xlabel("closes")
        axes.set_ylabel(figure.unit)
        axes.set_ylim(bottom=0)
    return canvas


def _panels(figures: Sequence[Figure]) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(WIDTH_IN, PANEL_IN * len(figures)), layout="constrained")
    return canvas, list(canvas.subplots(len(figures), squeeze=False)[:, 0])

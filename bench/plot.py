"""Draw the report: how each figure compares with its target."""

from collections.abc import Sequence
from html import escape

from bench.figures import Figure


WIDTH, ROW, LABELS, SCALE = 900, 34, 460, 360
#: A figure that is this many times as good as its target fills its row.
FULL = 3.0


def svg(figures: Sequence[Figure]) -> str:
    """Draw a row for each figure with a target; it passes the mark if it beats the target."""
    rows = [figure for figure in figures if figure.is_met is not None]
    height = ROW * (len(rows) + 1)
    mark = LABELS + SCALE / FULL
    drawn = "".join(_row(number, figure) for number, figure in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13">{drawn}'
        f'<line x1="{mark}" x2="{mark}" y1="0" y2="{height}" stroke="#444" stroke-dasharray="4"/>'
        f'<text x="{mark + 4}" y="{height - 8}" fill="#444">target</text></svg>\n'
    )


def _row(number: int, figure: Figure) -> str:
    value, target = max(figure.value, 1e-9), max(figure.target or 0.0, 1e-9)
    goodness = target / value if figure.is_ceiling else value / target
    length = SCALE * min(goodness, FULL) / FULL
    colour = "#2a7" if figure.is_met else "#c33"
    y = ROW * number
    return (
        f'<text x="{LABELS - 10}" y="{y + 20}" text-anchor="end">{escape(figure.name)}</text>'
        f'<rect x="{LABELS}" y="{y + 6}" width="{length:.1f}" height="20" fill="{colour}"/>'
        f'<text x="{LABELS + length + 6:.1f}" y="{y + 20}">{escape(figure.text)}</text>'
    )

#!/usr/bin/env python3
"""Draws docs/images/performance.svg from the tables in docs/performance.md, so that the picture shows what stands there.

Two rows of bars: processor time of one delivery, and memory of an idle connection. Run it after a change of the tables:
    bench/plot.py"""

import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 720, 190, 90, 22, 10, 44
INK, GREY, OURS, FLOOR = "#1f2933", "#9aa5b1", "#2f6fde", "#616e7c"


def column(text: str, heading: str) -> dict[str, float]:
    """The figures under a heading of the first table that has it, by server."""
    rows = iter(text.splitlines())
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if row.startswith("| server |") and heading in cells:
            place = cells.index(heading)
            next(rows)
            break
    else:
        sys.exit(f"{PAGE.name} has no table with a column {heading!r}")
    figures = {}
    for row in rows:
        if not row.startswith("|"):
            break
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        figures[cells[0]] = float(re.match(r"-?[\d.]+", cells[place]).group())
    return figures


def chart(title: str, figures: dict[str, float], top: int) -> tuple[list[str], int]:
    scale = (WIDTH - LEFT - RIGHT) / max(figures.values())
    parts = [f'<text x="16" y="{top + 24}" font-size="15" font-weight="600" fill="{INK}">{escape(title)}</text>']
    y = top + HEAD
    for name, value in figures.items():
        colour = OURS if name.startswith("Switchboard") else FLOOR if "floor" in name else GREY
        width = max(value * scale, 1)
        middle = y + BAR / 2 + 4.5
        parts += [
            f'<text x="{LEFT - 10}" y="{middle}" text-anchor="end" fill="{INK}">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" fill="{colour}"/>',
            f'<text x="{LEFT + width + 8:.1f}" y="{middle}" fill="{INK}">{value:g}</text>',
        ]
        y += BAR + GAP
    return parts, y + 12


def drawing(text: str) -> str:
    first, y = chart("CPU per delivery, µs (less is better)", column(text, "CPU µs per delivery"), 0)
    second, y = chart("Memory per idle connection, KiB", column(text, "KiB per connection, idle"), y)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
        'font-family="system-ui, sans-serif" font-size="13">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>', *first, *second, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"drawn: {PICTURE.relative_to(ROOT)}")

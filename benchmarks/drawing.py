"""Drawings of figures: labelled bars as SVG, readable by day and by night, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

WIDTH, LEFT, RIGHT, TOP = 860, 330, 150, 64
BAR, STEP, PANEL_HEAD, PANEL_GAP = 18, 26, 34, 18
CAPTION_LETTERS = 118

STYLE = """
    .ground { fill: #ffffff }
    .t { fill: #1b2033 } .b { font-weight: 600 } .s { fill: #525a73; font-size: 12px }
    .ours { fill: #4054c8 } .other { fill: #a9b0c6 } .more { fill: #d5d9e6 }
    .line { stroke: #8a91a8; stroke-width: 1 }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #12151f }
      .t { fill: #eceef6 } .s { fill: #b4bacb }
      .ours { fill: #8e9df2 } .other { fill: #6d7590 } .more { fill: #3c4359 }
    }
"""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A value, and perhaps another one behind it, told together in words."""

    label: str
    value: float
    words: str
    ours: bool = False
    more: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Bars that are compared with each other; the longest is as wide as the panel."""

    title: str
    unit: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        return PANEL_HEAD + STEP * len(self.bars) + PANEL_GAP


def drawing(title: str, panels: Sequence[Panel], *, caption: str) -> str:
    """One picture: a title, panels one below the other, and a caption that says where and when."""
    lines = wrap(caption, CAPTION_LETTERS)
    height = TOP + sum(panel.height for panel in panels) + 18 * len(lines) + 14
    parts = [_text(24, 36, title, "t b", size=18)]
    at = TOP
    for panel in panels:
        parts += _panel(panel, at)
        at += panel.height
    parts += [_text(24, at + 10 + 18 * number, line, "s") for number, line in enumerate(lines)]
    told = "; ".join(f"{panel.title}: {_told(panel)}" for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' aria-labelledby="title desc"'
        ' font-family="system-ui, -apple-system, \'Segoe UI\', sans-serif" font-size="14">\n'
        f'  <title id="title">{escape(title)}</title>\n  <desc id="desc">{escape(told)}</desc>\n'
        f"  <style>{STYLE}  </style>\n"
        f'  <rect class="ground" width="{WIDTH}" height="{height}" rx="10"/>\n'
        + "".join(f"  {part}\n" for part in parts)
        + "</svg>\n"
    )


def _told(panel: Panel) -> str:
    return ", ".join(f"{bar.label} {bar.words} {panel.unit}" for bar in panel.bars)


def _panel(panel: Panel, top: int) -> list[str]:
    widest = max((bar.value + bar.more for bar in panel.bars), default=0) or 1
    scale = (WIDTH - LEFT - RIGHT) / widest
    parts = [_text(24, top + 18, f"{panel.title} ({panel.unit})", "t b")]
    foot = top + PANEL_HEAD + STEP * len(panel.bars) - STEP + BAR + 4
    parts.append(f'<line class="line" x1="{LEFT}" y1="{top + PANEL_HEAD - 4}" x2="{LEFT}" y2="{foot}"/>')
    for number, bar in enumerate(panel.bars):
        parts += _bar(bar, top + PANEL_HEAD + STEP * number, scale)
    return parts


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    first, second = max(1.0, bar.value * scale), bar.more * scale
    weight = " b" if bar.ours else ""
    parts = [
        _text(LEFT - 10, top + 14, bar.label, f"t{weight}", anchor="end", size=13),
        _rectangle("ours" if bar.ours else "other", LEFT, top, first),
    ]
    if bar.more:
        parts.append(_rectangle("more", LEFT + first, top, second))
    return [*parts, _text(LEFT + first + second + 8, top + 14, bar.words, f"t{weight}", size=13)]


def _rectangle(kind: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'


def _text(
    x: float, y: float, words: str, kind: str, *, anchor: str = "start", size: int | None = None
) -> str:
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    letters = f' font-size="{size}"' if size else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y}"{where}{letters}>{escape(words)}</text>'

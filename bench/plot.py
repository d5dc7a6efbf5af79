"""The ratios as a picture: a line for each scenario, a dot for each peer's median, a bar from the least to the most."""
import math, statistics
from xml.sax.saxutils import escape

COLOURS = {"nginx": "#00843d", "haproxy": "#1f5fbf", "floor": "#8a8a8a"}
NAMES, WIDTH, ROW, TOP, RIGHT = 330, 460, 30, 78, 30


def scale(rows):
    """The axis: a logarithm, so that half and twice are as far from 1; whole steps of a quarter of the doubling."""
    found = [r for _, by_peer in rows for ratios in by_peer.values() for r in ratios if r > 0]
    low = min([math.floor(math.log2(min(found)) * 2) / 2 if found else -1, -0.5])
    high = max([math.ceil(math.log2(max(found)) * 2) / 2 if found else 1, 0.5])
    return low, high


def svg(title, rows, titles):
    low, high = scale(rows)
    height = TOP + ROW * len(rows) + 40

    def x(ratio):
        return NAMES + (math.log2(ratio) - low) / (high - low) * WIDTH

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{NAMES + WIDTH + RIGHT}" height="{height}" '
           'font-family="sans-serif" font-size="13">', '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
           '<text x="16" y="50" fill="#555">left of 1: Sluice takes less</text>', *legend(titles)]
    bottom = TOP + ROW * len(rows)
    steps = math.ceil((high - low) / 6 * 2) / 2
    for step in range(int((high - low) / steps) + 1):
        out += grid_line(x(2 ** (low + step * steps)), bottom, f"{2 ** (low + step * steps):.2f}", "#ddd")
    out += grid_line(x(1), bottom, "", "#333")
    for row, (name, by_peer) in enumerate(rows):
        y = TOP + ROW * row + ROW / 2
        out.append(f'<text x="{NAMES - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        shown = [(peer, ratios) for peer, ratios in by_peer.items() if ratios]
        for place, (peer, ratios) in enumerate(shown):
            out += mark(peer, ratios, y + (place - (len(shown) - 1) / 2) * 7, x)
    return "\n".join([*out, "</svg>"]) + "\n"


def legend(titles):
    for place, (peer, title) in enumerate(titles.items()):
        x = NAMES + place * 120
        yield f'<circle cx="{x}" cy="46" r="4" fill="{COLOURS[peer]}"/>'
        yield f'<text x="{x + 10}" y="50">to {escape(title)}</text>'


def grid_line(x, bottom, label, colour):
    yield f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>'
    yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{label}</text>'


def mark(peer, ratios, y, x):
    colour = COLOURS[peer]
    yield (f'<line x1="{x(min(ratios)):.1f}" y1="{y:.1f}" x2="{x(max(ratios)):.1f}" y2="{y:.1f}" stroke="{colour}" '
           'stroke-width="2" stroke-opacity="0.5"/>')
    yield (f'<circle cx="{x(statistics.median(ratios)):.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
           f'<title>{statistics.median(ratios):.2f}</title></circle>')

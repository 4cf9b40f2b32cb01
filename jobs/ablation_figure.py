# SPDX-License-Identifier: Apache-2.0
"""The figure of jobs/ablation_table.py: a row each, seeds as dots, their mean
as a line, the exact bounds as dashed lines through all rows."""

from xml.sax.saxutils import escape

LEFT, WIDTH, RIGHT, TOP, ROW = 300, 480, 60, 64, 22
BOUNDS = (("bag_of_frames", "bag of frames"), ("motion_only", "motion"),
          ("additive_fusion", "sum"))
COLOURS = {True: "#1b7837", False: "#b2182b", None: "#4d4d4d"}


def place(percent):
    return LEFT + WIDTH * percent / 100


def text(x, y, words, anchor="start", size=12, colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}" fill="{colour}">{escape(words)}</text>')


def line(x1, y1, x2, y2, style):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'{style}/>')


def draw_row(entry, y):
    parts = [text(LEFT - 10, y + 4, entry["title"], "end")]
    if entry["mean"] is None:
        return parts + [text(LEFT + 6, y + 4, "not measured", colour="#888")]
    colour = COLOURS[entry["holds"]]
    x = place(entry["mean"])
    half = (entry["interval95"] or 0) * WIDTH / 100
    low, high = max(LEFT, x - half), min(LEFT + WIDTH, x + half)
    parts.append(line(low, y, high, y,
                      f'stroke="{colour}" stroke-width="6" opacity="0.25"'))
    parts.append(line(x, y - 7, x, y + 7,
                      f'stroke="{colour}" stroke-width="2"'))
    parts += [f'<circle cx="{place(value):.1f}" cy="{y}" r="2.5" '
              f'fill="{colour}"/>' for value in entry["top1"]]
    parts.append(text(LEFT + WIDTH + 10, y + 4, f"{entry['mean']:.1f}"))
    return parts


def draw(title, table, bounds, goal):
    """SVG. `table`: entries of ablation_table.measure(); the others percent."""
    bottom = TOP + ROW * len(table)
    height = bottom + 56
    total = LEFT + WIDTH + RIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" '
             f'height="{height}" viewBox="0 0 {total} {height}" '
             'font-family="sans-serif">',
             f'<rect width="{total}" height="{height}" fill="white"/>',
             text(12, 22, title, size=15)]
    marks = [(bounds[key], name, "#888") for key, name in BOUNDS]
    marks.append((goal, "goal", COLOURS[True]))
    label_y, last = TOP - 12, None
    for percent, name, colour in marks:
        x = place(percent)
        parts.append(line(x, TOP - 8, x, bottom,
                          f'stroke="{colour}" stroke-dasharray="4 3"'))
        # Above the one before where both would overlap.
        is_near = last is not None and x - last < 60
        label_y = label_y - 12 if is_near else TOP - 12
        parts.append(text(x, label_y, name, "middle", 10, colour))
        last = x
    for percent in range(0, 101, 20):
        parts.append(line(place(percent), bottom, place(percent), bottom + 5,
                          'stroke="#222"'))
        parts.append(text(place(percent), bottom + 19, str(percent), "middle",
                          11))
    parts.append(line(LEFT, bottom, LEFT + WIDTH, bottom, 'stroke="#222"'))
    parts.append(text(LEFT + WIDTH / 2, bottom + 36, "top-1, %", "middle"))
    parts.append(text(12, height - 6, "Dots: seeds. Band: 95 % interval of the "
                      "mean. Dashed: exact bounds. Green: as expected, red: "
                      "not, grey: nothing is expected.", size=10,
                      colour="#555"))
    for index, entry in enumerate(table):
        parts += draw_row(entry, TOP + ROW * index + ROW / 2)
    return "\n".join([*parts, "</svg>"]) + "\n"

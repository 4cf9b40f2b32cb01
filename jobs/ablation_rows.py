#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ablation_rows.py [--level S|M] [--quick] [--only NAME,...]

Prints the rows of the table that jobs/ablation_synsth.sh makes, one a line:
NAME VIEW KEY=VALUE..., for that script to train. What each row is called and
what is expected of it stands beside its settings, here and nowhere else.

VIEW names what the two streams are made from:
  split        semantic: RGB frames in random order; motion: silhouettes
  shuffled     both: RGB frames in random order
  silhouette   both: silhouettes
  clips        no features: both streams from RGB clips, at level S alone
"""

import argparse
import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """`expected`: "goal" of the mean, "each" seed's, a key of a set's bounds
    that no function of the view passes, "plateau" (see verdict in
    ablation_table.py), or None."""
    name: str
    title: str
    settings: tuple = ()
    view: str = "split"
    expected: str = None
    is_quick: bool = False


MAIN = "bcast"
ROWS = (
    Row(MAIN, "B-CAST, distance bias", expected="goal", is_quick=True),
    Row("bcast-no-bias", "B-CAST, no bias", ("fusion.cross_bias=false",),
        expected="plateau"),
    Row("cross", "full-width cross-attention, bias",
        ("fusion.kind=cross", "fusion.dim=64")),
    Row("concat", "pooled streams side by side", ("fusion.kind=concat",),
        expected="additive_fusion"),
    Row("late", "sum of two heads", ("fusion.kind=late",),
        expected="additive_fusion", is_quick=True),
    Row("semantic", "semantic stream alone", ("fusion.kind=semantic",),
        expected="bag_of_frames"),
    Row("motion", "motion stream alone", ("fusion.kind=motion",),
        expected="motion_only", is_quick=True),
    Row("bcast-shuffled", "control: both see shuffled frames",
        view="shuffled", expected="bag_of_frames"),
    Row("bcast-silhouette", "control: both see silhouettes",
        view="silhouette", expected="motion_only"),
    Row("bcast-mean", "B-CAST, mean over time, too", ("fusion.pool=mean",)),
    Row("bcast-layers-3", "B-CAST, 3 layers (else 1)", ("fusion.layers=3",)),
    Row("bcast-heads-8", "B-CAST, 8 heads (else 4)", ("fusion.heads=8",)),
    Row("bcast-heads-16", "B-CAST, 16 heads", ("fusion.heads=16",)),
    Row("bcast-graph", "B-CAST, graph attention before it",
        ("fusion.graph.layers=1",)),
    Row("clips", "end to end from RGB clips, B-CAST", view="clips",
        expected="each"),
)


def rows_of(level, is_quick):
    return [row for row in ROWS
            if (row.is_quick or not is_quick)
            and (level == "S" or row.view != "clips")]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--level", choices=("S", "M"), default="S")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda text: text.split(","))
    words = parser.parse_args()
    rows = {row.name: row for row in rows_of(words.level, words.quick)}
    for name in words.only or rows:
        if name not in rows:
            parser.error(f"no row {name!r} in this table. Try: {' '.join(rows)}")
    for name in words.only or rows:
        print(name, rows[name].view,
              *(f"model.{setting}" for setting in rows[name].settings))


if __name__ == "__main__":
    main()

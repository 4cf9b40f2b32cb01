// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gasm {

/// The CSS of stats_page.
inline constexpr char const* page_style = R"css(
:root { color-scheme: light dark; --page: #fbfbfa; --card: #ffffff;
  --ink: #1d2329; --soft: #5c6670; --line: #dfe3e6; --bar: #2f6fae; }
@media (prefers-color-scheme: dark) { :root { --page: #14181c; --card: #1b2127;
  --ink: #e4e8eb; --soft: #9aa5af; --line: #323b44; --bar: #6aa9e3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 28px 24px 40px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 36px 0 8px; }
.lead { font-size: 17px; color: var(--soft); margin: 0; }
.note, .none, footer { color: var(--soft); margin: 0 0 12px; }
footer { margin-top: 40px; font-size: 13px; border-top: 1px solid var(--line);
  padding-top: 12px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; padding: 4px 16px 4px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.num { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: 13px; }
.figures { display: grid; gap: 16px; margin: 20px 0;
  grid-template-columns: repeat(auto-fill, minmax(370px, 1fr)); }
figure { margin: 0; padding: 12px 14px 8px; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-weight: 600; margin-bottom: 4px; }
figure svg { display: block; width: 100%; height: auto; }
.tables { display: flex; flex-wrap: wrap; gap: 12px 48px;
  align-items: flex-start; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
.bar { fill: var(--bar); }
.grid { stroke: var(--line); }
.axis { stroke: var(--soft); }
.tick, .name { fill: var(--soft); }
.classes td { vertical-align: middle; }
.class { min-width: 220px; max-width: 460px; }
.bars { padding-right: 6px; }
.bars svg { display: block; width: 130px; height: 10px; background: none; }
@media print { figure, tr { break-inside: avoid; } }
)css";

}  // namespace gasm

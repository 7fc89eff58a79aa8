"""How a report looks: one style sheet, with colours for light, dark and paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2430; --faint: #5d6876;
  --rule: #dde2e8; --shade: #f2d9a833; --flag: #39465a;
  --c1: #1f6fb2; --c2: #d1680f; --c3: #2e8b57; --c4: #b03a5b; --c5: #6f58b5; --c6: #8a7a2d; }
@media (prefers-color-scheme: dark) { :root { --paper: #12171e; --ink: #e4e9ef;
  --faint: #97a3b2; --rule: #2b343f; --shade: #f2d9a822; --flag: #b9c4d2;
  --c1: #5aa9ec; --c2: #f3a05a; --c3: #63c58f; --c4: #ee7d9d; --c5: #a996ee; --c6: #cdbb62; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 24px 20px 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header { border-bottom: 2px solid var(--ink); margin-bottom: 18px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 34px 0 8px; }
header p { color: var(--faint); margin: 2px 0 12px; }
.verdict { font-size: 17px; margin: 0; padding-left: 20px; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px;
  margin: 18px 0 6px; }
.numbers div { border: 1px solid var(--rule); border-radius: 8px; padding: 8px 12px; }
.numbers b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.numbers span { color: var(--faint); font-size: 13px; }
figure { margin: 18px 0; break-inside: avoid; }
figcaption { display: flex; gap: 6px; font-weight: 600; margin-bottom: 2px; }
.keys { margin-left: auto; }
.unit { color: var(--faint); font-weight: 400; }
.key { font-weight: 400; font-size: 13px; margin-left: 14px; color: var(--faint); }
.key i { display: inline-block; width: 18px; border-top: 3px solid; margin-right: 5px;
  vertical-align: 4px; } .key i.dashed { border-top-style: dashed; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); } .tick { fill: var(--faint); font-size: 11px; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.dashed { stroke-dasharray: 5 4; } .fill { fill-opacity: .28; stroke-width: 1.2; }
.limit { stroke: var(--c4); stroke-dasharray: 3 4; }
.limit-name { fill: var(--c4); font-size: 11px; paint-order: stroke; stroke: var(--paper);
  stroke-width: 3px; stroke-linejoin: round; }
.shade { fill: var(--shade); stroke: var(--c6); stroke-dasharray: 2 3; }
.flag line { stroke: var(--flag); stroke-width: .6; stroke-dasharray: 2 3; }
.flag rect { fill: var(--flag); } .flag text { fill: var(--paper); font-size: 8px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; color: var(--faint); font-weight: 500; white-space: nowrap; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
.policies td, .policies th { text-align: right; font-variant-numeric: tabular-nums; }
.policies td:first-child, .policies th:first-child { text-align: left; }
.policies tbody tr:first-child { font-weight: 600; }
.decisions td { white-space: nowrap; } .decisions td:last-child { white-space: normal; }
tr:target { background: var(--shade); }
pre { border: 1px solid var(--rule); border-radius: 8px; padding: 12px; overflow-x: auto;
  font-size: 12px; }
@media print { body { max-width: none; padding: 0; font-size: 12px; } .wide { overflow: visible; }
  h2 { break-after: avoid; } a { color: inherit; text-decoration: none; } }
"""

COLOURS: Final = "".join(
    f".line.c{number}{{stroke:var(--c{number})}}"
    f".fill.c{number}{{fill:var(--c{number});stroke:var(--c{number})}}"
    f".key i.c{number}{{border-color:var(--c{number})}}"
    for number in range(1, 7)
)
"""What each numbered colour means for a line, an area and a key of a legend."""

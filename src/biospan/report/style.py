"""The style of the page: one column of text, a contents list beside it where there is room."""

CSS = """\
:root{color-scheme:light dark;--page:#fff;--soft:#f5f6f8;--text:#1b1f24;--dim:#59636e;
--rule:#dde1e6;--accent:#0b63a5;--heat:11 99 165;--right:#5b9bc9;--p1:#e8b04a;--p2:#c9739f;
--p3:#8d7cc4;--p4:#b4bac2}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--soft:#1c2026;--text:#e3e7eb;
--dim:#9aa5b1;--rule:#323941;--accent:#6cb4ee;--heat:108 180 238;--right:#4c87b3;--p1:#c8923a;
--p2:#b06288;--p3:#7c6bb5;--p4:#5d6670}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
header,nav,main,footer{max-width:64rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{margin:0;font-size:1.9rem;font-weight:650;letter-spacing:-.015em;line-height:1.2}
h2{margin:0 0 1rem;font-size:1.3rem;font-weight:650;letter-spacing:-.01em}
h3{margin:2rem 0 .5rem;font-size:1rem;font-weight:650}
section{margin-top:3.5rem}
a{color:var(--accent)}
.note,header p,footer{color:var(--dim);max-width:46rem}
.note{margin:.25rem 0 1rem;font-size:.92rem}
nav ol{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:1.25rem 0 0;padding:.75rem 0;
list-style:none;border:solid var(--rule);border-width:1px 0;font-size:.92rem}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
.tiles{display:flex;flex-wrap:wrap;gap:1.25rem 1.6rem;margin:0}
.tiles div{min-width:6.5rem}
.tiles div:first-child dd{color:var(--accent)}
.tiles dt{color:var(--dim);font-size:.82rem}
.tiles dd{margin:.1rem 0 0;font-size:1.65rem;font-weight:600;letter-spacing:-.01em;
font-variant-numeric:tabular-nums;line-height:1.25}
.tiles dd small{display:block;color:var(--dim);font-size:.78rem;font-weight:400;letter-spacing:0}
.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:0 0 .4rem}
th,td{padding:.38rem .7rem;text-align:left;border-bottom:1px solid var(--rule);font-weight:400}
th:first-child{padding-left:0}
thead th{max-width:6.5rem;color:var(--dim);font-size:.82rem;vertical-align:bottom}
.groups th{max-width:none;border-bottom:0;color:var(--text);font-weight:600}
.groups td{border-bottom:0}
th.n,td.n,td.heat{text-align:right}
td.n,td.heat{white-space:nowrap}
tbody th{min-width:7rem;overflow-wrap:anywhere}
tfoot th,tfoot td{color:var(--dim)}
tfoot tr:first-child>*{border-top:2px solid var(--rule)}
td.heat{background:rgb(var(--heat)/var(--heat-share))}
td.right{font-weight:650}
td.meter{width:9rem;min-width:6rem}
td.meter span{display:block;border-radius:.15rem;background:var(--soft);overflow:hidden}
td.meter i{display:block;height:.6rem;background:var(--accent)}
.label{white-space:nowrap}
.swatch{display:inline-block;width:.75rem;height:.75rem;margin-right:.45rem;border-radius:.2rem;
vertical-align:-.06rem}
figure{margin:1rem 0 1.75rem}
figcaption{font-weight:600;font-size:.92rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.35rem 0 .6rem;padding:0;
list-style:none;font-size:.85rem;color:var(--dim)}
.bar{display:grid;grid-template-columns:8.5rem 1fr 4rem;gap:.75rem;align-items:center;
padding:.2rem 0;font-size:.92rem}
.track{display:flex;height:1.1rem;border-radius:.2rem;overflow:hidden;gap:1px}
.track i{display:block;min-width:2px}
.total{text-align:right;font-variant-numeric:tabular-nums;color:var(--dim)}
.part0{background:var(--right)}.part1{background:var(--p1)}.part2{background:var(--p2)}
.part3{background:var(--p3)}.part4{background:var(--p4)}
.plot{display:block;width:100%;max-width:27rem;font-size:11px}
.plot text{fill:var(--dim);font-variant-numeric:tabular-nums}
.grid{stroke:var(--rule)}
.ideal{stroke:var(--dim);stroke-dasharray:4 4}
.curve{fill:none;stroke:var(--accent);stroke-width:2}
.plot circle{fill:var(--accent)}
.plot rect{fill:var(--accent);opacity:.45}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(27rem,100%),1fr));
gap:0 2.5rem;align-items:start}
.columns>*{min-width:0}
details{margin:.5rem 0;border-top:1px solid var(--rule)}
summary{padding:.6rem 0;cursor:pointer;font-weight:600}
summary small{color:var(--dim);font-weight:400;margin-left:.5rem}
.snippet{padding:.75rem 0 .85rem;border-top:1px solid var(--rule);content-visibility:auto;
contain-intrinsic-size:auto 9rem;break-inside:avoid}
.snippet p{margin:0 0 .3rem;font-size:.8rem;color:var(--dim)}
.snippet p b{font-weight:600;color:var(--text);margin-right:.5rem}
.side{display:grid;grid-template-columns:5.2rem 1fr;gap:0 .75rem}
.side>span{color:var(--dim);font-size:.8rem;line-height:1.85rem}
.side>small{grid-column:2;color:var(--dim)}
.biospan{font-size:.95rem;line-height:1.85rem;white-space:pre-wrap;overflow-wrap:anywhere;
unicode-bidi:isolate}
mark{padding:.12em .28em;border-radius:.25em;color:#16191d;-webkit-box-decoration-break:clone;
box-decoration-break:clone}
mark small{margin-left:.4em;font-size:.68em;font-weight:600;letter-spacing:.02em}
mark.quiet{padding:0;border-radius:0;background:none;color:inherit;border-bottom:2px solid}
mark.quiet small{display:none}
footer{margin-top:4rem;padding-bottom:3rem;font-size:.85rem}
@media (min-width:88rem){
nav{position:fixed;top:2.5rem;left:max(1rem,calc(50% - 43rem));width:11rem;padding:0}
nav ol{display:block;border:0;margin:0;padding:0}
nav li{padding:.2rem 0}
}
@media (max-width:40rem){
h1{font-size:1.5rem}
section{margin-top:2.5rem}
.bar{grid-template-columns:6rem 1fr 3rem;gap:.5rem}
.side{grid-template-columns:1fr}
.side>span{line-height:1.3}
.side>small{grid-column:1}
th,td{padding:.35rem .5rem}
}
@media print{
body{font-size:10pt}
nav{display:none}
section{margin-top:1.5rem}
h2,h3,summary{break-after:avoid}
.track i,mark,.swatch,td.heat,td.meter i{print-color-adjust:exact;
-webkit-print-color-adjust:exact}
.snippet{content-visibility:visible}
}
"""

/** The page's one style sheet: light and dark by the reader's setting, black on white on paper. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#16202b;--soft:#5a6876;--line:#dde3e9;--page:#f5f7f9;--card:#fff;--track:#e9edf1;
--pass:#0f7b4f;--pass-soft:#e0f3ea;--fail:#b3261e;--fail-soft:#fbe7e5;--unknown:#96610a;--unknown-soft:#fbf0d9;--skip:#77848f;--skip-soft:#edf0f3;--accent:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa7b4;--line:#2b3641;--page:#10161c;--card:#18212a;--track:#26313c;
--pass:#4cc38a;--pass-soft:#15332a;--fail:#ff8a80;--fail-soft:#3d1d1c;--unknown:#f0b849;--unknown-soft:#382b12;--skip:#8c99a5;--skip-soft:#232d36;--accent:#86a8ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
header{border-left:6px solid var(--tone);padding:2px 0 2px 20px;margin-bottom:28px}
header.pass{--tone:var(--pass)}header.fail{--tone:var(--fail)}header.unknown{--tone:var(--unknown)}
.kicker{color:var(--soft);font-size:13px;margin:0 0 6px}
h1{font-size:25px;line-height:1.3;margin:0 0 8px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h1 b{color:var(--tone);font-weight:750;margin-right:.35em;text-transform:uppercase;font-size:.8em;letter-spacing:.04em}
.meta{color:var(--soft);margin:0}
.step{margin:12px 0 0;padding:8px 12px;border:1px solid var(--tone);border-radius:8px;background:var(--card)}
.step b{color:var(--tone);margin-right:.4em}
ol{margin:4px 0 10px;padding-left:22px}li{margin:4px 0}
h2{font-size:16px;margin:0 0 14px;font-weight:650}
h2 small{color:var(--soft);font-weight:400;font-size:13px;margin-left:8px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin:0 0 18px;break-inside:avoid}
section.long{break-inside:auto}
.bars{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:24px}
.bar .name{display:flex;justify-content:space-between;align-items:baseline;font-weight:600}
.bar .figure{font-size:27px;font-weight:680;letter-spacing:-.02em;line-height:1.25}
.bar .figure.pass{color:var(--pass)}.bar .figure.fail{color:var(--fail)}.bar .figure.unknown{color:var(--unknown)}
.bar .of{color:var(--soft);font-size:13px}
.bar svg{display:block;width:100%;height:14px;margin-top:8px}
.scroll{overflow-x:auto}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--ink)}
svg text.soft{fill:var(--soft);font-size:11px}
.f-pass,.f-explained{fill:var(--pass)}.f-fail{fill:var(--fail)}.f-unknown{fill:var(--unknown)}.f-skipped,.f-acknowledged{fill:var(--skip)}
.f-track{fill:var(--track)}.s-line{stroke:var(--line)}.s-goal{stroke:var(--ink);stroke-width:2}.s-goal.dash{stroke-width:1;stroke-dasharray:4 3}
table{border-collapse:collapse;width:100%;min-width:700px;font-size:13.5px}
th{text-align:left;color:var(--soft);font-weight:550;border-bottom:1px solid var(--line);padding:6px 10px 6px 0;white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:6px 10px 6px 0;vertical-align:top;overflow-wrap:anywhere}
table.narrow{min-width:0}.narrow td:first-child{width:32%}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}
th.n,td.n{padding-left:10px}.n+th:not(.n),.n+td:not(.n){padding-left:14px}
.chip{display:inline-block;border-radius:20px;padding:1px 9px;font-size:12px;font-weight:600;white-space:nowrap}
.chip.pass,.chip.explained{color:var(--pass);background:var(--pass-soft)}.chip.fail{color:var(--fail);background:var(--fail-soft)}
.chip.unknown{color:var(--unknown);background:var(--unknown-soft)}.chip.skipped,.chip.acknowledged{color:var(--skip);background:var(--skip-soft)}
details{border-top:1px solid var(--line)}
details:first-of-type{border-top:0}
summary{cursor:pointer;padding:8px 0;list-style-position:inside}
summary .detail{color:var(--soft);margin-left:6px}
details details{border-top:1px dashed var(--line);margin-left:18px}
pre{background:var(--page);border:1px solid var(--line);border-radius:6px;padding:10px 12px;font:12px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 10px}
code{font:12.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.clocks{display:flex;flex-wrap:wrap;gap:6px 30px;margin:14px 0 0;padding-top:14px;border-top:1px solid var(--line)}
.clocks div span{display:block;color:var(--soft);font-size:12px}.clocks div b{font-weight:600}
footer{color:var(--soft);font-size:13px}
@media (max-width:640px){main{padding:20px 14px}h1{font-size:20px}section{padding:16px 14px}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#ccc;--page:#fff;--card:#fff;--track:#e6e6e6;--pass:#0f7b4f;--pass-soft:#fff;--fail:#b3261e;--fail-soft:#fff;--unknown:#96610a;--unknown-soft:#fff;--skip:#555;--skip-soft:#fff}
body{font-size:11px;print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}section{border:0;border-top:1px solid #ccc;border-radius:0;padding:12px 0}.chip{padding:0}}
`

"""The look of the page: it overrides pytest-html's own, in light and dark, down to the width of a phone."""

STYLE = """
:root { --ink: #1d2430; --soft: #5a6472; --paper: #fff; --box: #f4f6f8; --line: #d5dae1; --link: #0b57d0;
  --good: #146c2e; --bad: #b3261e; --warn: #8a5a00; --open: #6b3fa0; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #a0a9b6; --paper: #14181e; --box: #1e242c; --line: #39424e; --link: #8ab4f8;
    --good: #7bd88f; --bad: #ff8a80; --warn: #ffc966; --open: #c9a7ff; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); min-width: 0;
  max-width: 76rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1, h2, h3, p, .logwrapper .log { color: var(--ink); }
a { color: var(--link); }
#environment, #environment-header, .run-count, .summary__data > h2, .summary__spacer, .summary__reload {
  display: none; }
input[data-test-result="rerun"], input[data-test-result="retried"], input[data-test-result="xpassed"],
span.rerun, span.retried, span.xpassed { display: none; }
#title + p { color: var(--soft); font-size: .8rem; }
.controls { display: block; }
.filters, .collapse { flex-wrap: wrap; gap: .2rem .4rem; margin: .3rem 0; }
.filters span, span.passed, span.failed, span.error, span.skipped, span.xfailed { color: var(--ink); }
.filters button, .collapse button { color: var(--link); font: inherit; }
.banner { border: 1px solid var(--line); border-left: .5rem solid var(--open); background: var(--box); margin: 1rem 0;
  padding: .6rem 1rem; }
.banner h2 { font-size: 1.5rem; margin: 0; }
.banner p { margin: .2rem 0; overflow-wrap: anywhere; }
.banner.conformant { border-left-color: var(--good); }
.banner.non-conformant { border-left-color: var(--bad); }
.banner .embedded { font-weight: bold; color: var(--warn); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; min-width: 0; }
.traits td, .traits th { text-align: left; padding: .1rem 1rem .1rem 0; border-bottom: 1px solid var(--line); }
#results-table { color: var(--ink); font-size: .9rem; border-color: var(--line); table-layout: auto; }
#results-table th, #results-table td { border-color: var(--line); padding: .35rem .5rem; vertical-align: top; }
#results-table td.extra { background: var(--box); overflow-wrap: anywhere; }
#results-table .hidden { display: none; }
.col-verdict, .col-testId, .col-level, .col-area { white-space: nowrap; }
td.col-verdict { font-weight: bold; }
#results-table button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: left; }
button:focus-visible, input:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--link);
  outline-offset: 2px; }
.col-result + td.col-verdict::before { content: "\\25BE\\00A0"; color: var(--soft); }
.col-result.collapsed + td.col-verdict::before { content: "\\25B8\\00A0"; }
.verdict-passed, .verdict-observed { color: var(--good); }
.verdict-failed, .verdict-error { color: var(--bad); }
.verdict-warning, .verdict-waived { color: var(--warn); }
.verdict-inconclusive { color: var(--open); }
.verdict-not_applicable { color: var(--soft); }
.sortable.asc::after, .sortable.desc::after { border: 0; position: static; color: var(--soft); }
.sortable.asc::after { content: " \\2191"; }
.sortable.desc::after { content: " \\2193"; }
.logwrapper, .logwrapper .logexpander { background: var(--box); }
.logwrapper:not(:has(.log)) { display: none; }
.case details { margin: .3rem 0; }
.case summary, .banner summary { cursor: pointer; color: var(--link); }
.case h3 { font-size: .85rem; margin: .5rem 0 .1rem; color: var(--soft); font-weight: normal; }
.case pre, .case code { font: .8rem/1.45 ui-monospace, Menlo, Consolas, monospace; }
.case pre { margin: 0; padding: .4rem .6rem; border: 1px solid var(--line); background: var(--paper);
  white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 42rem) {
  body { padding: 0 .5rem 2rem; }
  .col-level, .col-area { display: none; }
  .col-verdict { white-space: normal; }
  .col-title { overflow-wrap: anywhere; }
  #results-table th, #results-table td { padding: .35rem .2rem; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .4rem; } }
"""
"""The style sheet, without the element around it."""

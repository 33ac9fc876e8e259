namespace Strangler.Reconciliation;

/// <summary>The page's style sheet. No child combinators: their sign would have to be escaped in XML and must not be in HTML.</summary>
internal static class HtmlStyle
{
    public const string Sheet = """

        :root { color-scheme: light dark; --ink: #1c2128; --soft: #59636e; --paper: #ffffff; --line: #d1d9e0; --good: #1a7f37;
          --bad: #b3261e; --open: #9a6700; --wash: #f6f8fa; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #3d444d; --good: #3fb950; --bad: #ff7b72; --open: #d29922;
          --wash: #161b22; }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
        h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
        h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
        .lead, footer, .nothing, dt { color: var(--soft); }
        dl { display: flex; flex-wrap: wrap; gap: .75rem 2rem; margin: 1rem 0; }
        dt { font-size: .8rem; } dd { margin: 0; font-weight: 600; }
        .sum { margin: .25rem 0; padding: .35rem .75rem; border-left: 3px solid var(--good); background: var(--wash); }
        .sum.wrong { border-left-color: var(--bad); color: var(--bad); font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top;
          overflow-wrap: anywhere; min-width: 6rem; max-width: 36rem; }
        th { color: var(--soft); font-weight: 600; white-space: nowrap; } .n { text-align: right; font-variant-numeric: tabular-nums;
          white-space: nowrap; min-width: 0; }
        details { margin: .75rem 0; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
        .badge { display: inline-block; padding: 0 .5rem; border-radius: 1rem; border: 1px solid currentColor; font-size: .85em;
          font-weight: 600; white-space: nowrap; }
        .badge.clean { color: var(--good); } .badge.drift { color: var(--bad); } .badge.inconclusive, .badge.open { color: var(--open); }
        svg { width: 100%; height: auto; max-width: 48rem; display: block; } svg text { fill: var(--ink); font-size: 13px; }
        rect.clean { fill: var(--good); } rect.drift { fill: var(--bad); } rect.inconclusive, rect.open { fill: var(--open); }
          .axis { stroke: var(--line); }
        @media (max-width: 40rem) {
          section { overflow-x: auto; } svg { width: 38rem; max-width: none; }
          .verdicts thead { display: none; }
          .verdicts tr { display: grid; grid-template-columns: minmax(0, 1fr) repeat(3, minmax(4.5rem, auto)); border-bottom: 1px solid var(--line); }
          .verdicts td { border-bottom: 0; padding: .3rem .25rem; min-width: 0; } .verdicts td:last-child { grid-column: 1 / -1; color: var(--soft); }
          .verdicts td:nth-child(2)::before { content: "entities "; } .verdicts td:nth-child(3)::before { content: "legacy "; }
          .verdicts td:nth-child(4)::before { content: "new "; } .verdicts .n::before { display: block; color: var(--soft); font-size: .75rem; }
        }
        footer { margin-top: 3rem; font-size: .85rem; }
        @media print { details { break-inside: avoid; } }

        """;
}

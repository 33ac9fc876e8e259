namespace Strangler.Service.Http.Dashboard;

/// <summary>The one style sheet: light and dark as the reader has it, from a phone to a wall.</summary>
internal static class Style
{
    public const string Sheet = """
        :root { color-scheme: light dark;
          --paper: #f5f7fa; --card: #ffffff; --ink: #16202c; --soft: #566472; --line: #d5dce4; --wash: #eef2f6;
          --brand: #2456c7; --brand-ink: #ffffff; --good: #1a7f37; --good-wash: #e2f4e7; --bad: #b3261e; --bad-wash: #fde8e6; --open: #8a5d00; --open-wash: #fdf1d6; }
        @media (prefers-color-scheme: dark) { :root {
          --paper: #0c1118; --card: #151c26; --ink: #e4eaf1; --soft: #9aa8b7; --line: #2c3846; --wash: #1b2430;
          --brand: #7ba5ff; --brand-ink: #0c1118; --good: #4cc267; --good-wash: #12301c; --bad: #ff8279; --bad-wash: #3a1917; --open: #e0a93a; --open-wash: #33270c; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
        a { color: var(--brand); text-underline-offset: .15em; }
        a:focus-visible, button:focus-visible, input:focus-visible, summary:focus-visible, select:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
        .skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem; z-index: 2; }
        .top { background: var(--card); border-bottom: 1px solid var(--line); }
        .top nav { max-width: 76rem; margin: 0 auto; padding: .7rem 1.25rem; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; }
        .top .brand { font-weight: 700; font-size: 1.05rem; color: var(--ink); text-decoration: none; display: flex; gap: .55rem; align-items: center; }
        .top .brand svg { width: 1.5rem; height: 1.5rem; } .brand .a { fill: var(--brand); } .brand .b { fill: var(--good); }
        .top .who { margin-left: auto; color: var(--soft); font-size: .88rem; display: flex; gap: .75rem; align-items: center; }
        main { max-width: 76rem; margin: 0 auto; padding: 1.4rem 1.25rem 4rem; }
        h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 0 0 .7rem; } h3 { font-size: .95rem; margin: 1rem 0 .4rem; }
        p { margin: .4rem 0; } .soft, .hint { color: var(--soft); } .hint { font-size: .87rem; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.1rem 0; }
        .tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
        .tile { padding: .7rem .95rem; border-left: 4px solid var(--line); } .tile b { display: block; font-size: 1.55rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
        .tile span { color: var(--soft); font-size: .85rem; } .tile.bad { border-left-color: var(--bad); } .tile.bad b { color: var(--bad); }
        .tile.open { border-left-color: var(--open); } .tile.open b { color: var(--open); } .tile.good { border-left-color: var(--good); }
        .card { padding: 1rem 1.15rem 1.1rem; margin: 0 0 1rem; } .card.bad { border-color: var(--bad); }
        .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem; align-items: start; } .cards .card { margin: 0; }
        .cols { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 1rem; align-items: start; }
        .head { display: flex; flex-wrap: wrap; gap: .3rem .7rem; align-items: baseline; justify-content: space-between; margin-bottom: .6rem; } .head h2 { margin: 0; }
        .badge { display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .8rem; font-weight: 600; white-space: nowrap; background: var(--wash); color: var(--soft); }
        .badge.good { background: var(--good-wash); color: var(--good); } .badge.bad { background: var(--bad-wash); color: var(--bad); } .badge.open { background: var(--open-wash); color: var(--open); }
        .track { list-style: none; display: grid; grid-template-columns: repeat(5, 1fr); gap: .25rem; margin: .2rem 0 .9rem; padding: 0; font-size: .74rem; }
        .track li { border-top: 5px solid var(--line); padding-top: .25rem; color: var(--soft); overflow-wrap: anywhere; } .track li.past { border-top-color: var(--brand); opacity: .85; }
        .track li.here { border-top-color: var(--brand); color: var(--ink); font-weight: 700; }
        dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.2rem, 1fr)); gap: .55rem 1rem; margin: 0; }
        dl.facts dt { color: var(--soft); font-size: .78rem; } dl.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
        .cards dl.facts { grid-template-columns: repeat(3, 1fr); }
        dd.bad, .bad-text { color: var(--bad); } dd.open { color: var(--open); } dd.good { color: var(--good); }
        .gauge { margin: .9rem 0 0; font-size: .85rem; color: var(--soft); } progress { width: 100%; height: .55rem; appearance: none; border: 0; border-radius: 1rem; overflow: hidden; background: var(--wash); display: block; margin-top: .25rem; }
        progress::-webkit-progress-bar { background: var(--wash); } progress::-webkit-progress-value { background: var(--brand); } progress::-moz-progress-bar { background: var(--brand); }
        progress.done::-webkit-progress-value { background: var(--good); } progress.done::-moz-progress-bar { background: var(--good); }
        .note { border-radius: .5rem; padding: .65rem .9rem; margin: 0 0 1rem; background: var(--wash); border-left: 4px solid var(--line); overflow-wrap: anywhere; }
        .note.bad { background: var(--bad-wash); border-left-color: var(--bad); } .note.good { background: var(--good-wash); border-left-color: var(--good); } .note.open { background: var(--open-wash); border-left-color: var(--open); }
        h1 + .note { margin-top: .8rem; } .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
        th, td { text-align: left; padding: .38rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; } td { min-width: 3.5rem; } tr:last-child td { border-bottom: 0; }
        th { color: var(--soft); font-weight: 600; font-size: .8rem; white-space: nowrap; } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--wash); padding: .05rem .3rem; border-radius: .25rem; overflow-wrap: anywhere; }
        form.row { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; } label { display: block; font-size: .85rem; color: var(--soft); }
        input, select { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; padding: .42rem .6rem; width: 100%; min-width: 0; margin-top: .15rem; }
        label.grow { flex: 1 1 12rem; } form.stack { display: grid; gap: .8rem; max-width: 34rem; } label.check { display: flex; gap: .5rem; align-items: center; } label.check input { width: auto; margin: 0; }
        button, .button { font: inherit; font-weight: 600; display: inline-block; text-decoration: none; border: 1px solid var(--brand); background: var(--brand); color: var(--brand-ink); border-radius: .4rem; padding: .45rem .95rem; cursor: pointer; min-height: 2.5rem; }
        button.quiet, .button.quiet { background: transparent; color: var(--brand); } button.danger { background: var(--bad); border-color: var(--bad); color: var(--card); }
        .top button { min-height: 0; padding: .1rem .6rem; font-size: .85rem; } .actions { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: .9rem; }
        .chart { display: block; width: 100%; height: auto; max-height: 11rem; } .chart .clean { fill: var(--good); } .chart .drift { fill: var(--bad); } .chart .inconclusive { fill: var(--open); } .chart .axis { stroke: var(--line); }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 1rem; align-items: start; margin-top: .8rem; } figure { margin: 0; }
        figure.card { margin: 0 0 1rem; } figcaption { margin-bottom: .5rem; } figure svg { display: block; width: 100%; height: auto; } figure svg text { fill: var(--soft); font-size: 14px; } svg .axis { stroke: var(--line); }
        .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; stroke: var(--brand); } .line.b { stroke: var(--good); stroke-dasharray: 7 4; } .line.c { stroke: var(--bad); stroke-dasharray: 2 5; }
        .line.d { stroke: var(--open); stroke-dasharray: 10 4 2 4; } .line.e { stroke: var(--soft); } .line.f { stroke: var(--ink); stroke-dasharray: 3 3; }
        details { margin-top: .6rem; font-size: .9rem; } summary { cursor: pointer; color: var(--brand); }
        .empty { text-align: center; padding: 2.5rem 1rem; color: var(--soft); } .crumbs { font-size: .88rem; color: var(--soft); margin-bottom: .5rem; }
        .sign-in { max-width: 27rem; margin: 7vh auto 0; } .gate td:first-child { white-space: nowrap; } .acts td:last-child { overflow-wrap: anywhere; min-width: 9rem; } footer { color: var(--soft); font-size: .82rem; margin-top: 2rem; }
        @media (max-width: 40rem) { main { padding: 1rem .8rem 3rem; } .track { font-size: .58rem; } .top nav { padding: .6rem .8rem; } .top .who { margin-left: 0; width: 100%; justify-content: space-between; } .gate td:first-child { white-space: normal; }
          table, tbody { display: block; } thead { position: absolute; left: -99rem; } tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .1rem .8rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
          tr:last-child { border-bottom: 0; } td, .acts td:last-child { display: block; border: 0; padding: 0; min-width: 0; overflow-wrap: anywhere; } td.n { text-align: left; white-space: normal; } td:empty { display: none; }
          td[data-label=note], td[data-label=what], td[data-label=cure], td[data-label="last error"] { grid-column: 1 / -1; }
          td::before { content: attr(data-label); display: block; font-size: .74rem; color: var(--soft); } }
        @media (prefers-reduced-motion: no-preference) { a, button { transition: background-color .15s; } }
        """;
}

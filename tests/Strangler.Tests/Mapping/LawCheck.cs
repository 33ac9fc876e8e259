using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The laws over generated legacy rows of any context.</summary>
internal static class LawCheck
{
    /// <param name="mapping">The mapping.</param>
    /// <param name="rows">Generated rows: id, whether it is damaged on purpose, what it shows, and the row itself.</param>
    /// <param name="kinds">Every kind that must occur.</param>
    /// <param name="seed">Of the trial changes.</param>
    /// <param name="trials">A row.</param>
    public static async Task<MappingVerification> RunAsync(
        CompiledMapping mapping, IEnumerable<(long Id, bool IsUnreadable, IReadOnlyList<string> Kinds, AggregateRow Row)> rows,
        IEnumerable<string> kinds, int seed, int trials)
    {
        List<(long Id, bool Unreadable)> wrong = [];
        var seen = new HashSet<string>();
        var result = await new MappingVerifier(mapping, seed, trials).RunAsync(Stream(), null, CancellationToken.None);

        await TestContext.Out.WriteLineAsync(
            $"{result.Rows} rows, {result.Readable} readable, {result.Violations} violations\nunreadable: {string.Join(", ", result.UnreadableBy)}\n"
            + $"hidden: {string.Join(", ", result.HiddenBy)}\nrefused trials: {string.Join(", ", result.TrialsRefused)}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Samples, Is.Empty);
            Assert.That(wrong, Is.Empty, "rows that are readable and should not be, or the reverse");
            Assert.That(result.RefusedByNew, Is.Empty);
            Assert.That(kinds.Except(seen), Is.Empty, "kinds that did not occur");
        }

        return result;

        async IAsyncEnumerable<(long, AggregateRow)> Stream()
        {
            await Task.CompletedTask;
            foreach (var (id, isUnreadable, shown, row) in rows)
            {
                seen.UnionWith(shown);
                if (IsUnreadable(mapping, row) != isUnreadable)
                {
                    wrong.Add((id, !isUnreadable));
                }

                yield return (id, row);
            }
        }
    }

    /// <summary>
    /// What the new side holds can rebuild the legacy row to the byte, and an insert from it shows the same record.
    /// </summary>
    public static void AssertRebuilds(CompiledMapping mapping, IEnumerable<(IReadOnlyList<string> Kinds, AggregateRow Row)> rows)
    {
        foreach (var (kinds, row) in rows)
        {
            var what = string.Join(' ', kinds);
            var there = mapping.New.Get(mapping.New.Put(mapping.Legacy.Get(row), null));
            Assert.That(mapping.Legacy.Put(there, row).SameAs(row), what);
            Assert.That(mapping.Legacy.Get(mapping.Legacy.Put(there, null)).AgreesWith(there), what);
        }
    }

    private static bool IsUnreadable(CompiledMapping mapping, AggregateRow row)
    {
        try
        {
            mapping.Legacy.Get(row);
            return false;
        }
        catch (UnreadableException)
        {
            return true;
        }
    }
}

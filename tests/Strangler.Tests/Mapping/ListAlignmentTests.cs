using NUnit.Framework;
using Strangler.Mapping.Lenses;

namespace Strangler.Tests.Mapping;

/// <summary>Which row of a list stays, which gives its place to another, and which is new.</summary>
public sealed class ListAlignmentTests
{
    // Letters are rows; the answer names for each wanted row the place that it comes from.
    [TestCase("", "abc", "-1 -1 -1", TestName = "All new")]
    [TestCase("abc", "", "", TestName = "All gone")]
    [TestCase("abc", "abc", "0 1 2", TestName = "All the same")]
    [TestCase("abc", "abcd", "0 1 2 -1", TestName = "One behind")]
    [TestCase("abc", "ac", "0 2", TestName = "One gone from between")]
    [TestCase("abc", "axc", "0 1 2", TestName = "One rewritten in its place")]
    [TestCase("abcd", "xd", "0 3", TestName = "Of two that go the first gives its place")]
    [TestCase("ac", "abc", "0 1 -1", TestName = "One between two keys: all behind it move up")]
    [TestCase("abc", "xabc", "0 1 2 -1", TestName = "One before the first: all move up")]
    [TestCase("aabb", "abab", "0 2 3 -1", TestName = "The longest common sequence stays, as far as keys allow")]
    [TestCase("abcdef", "abXef", "0 1 2 4 5")]
    [TestCase("abcdef", "bdf", "1 3 5")]
    [TestCase("abab", "baba", "1 2 3 -1")]
    public void An_ordered_list(string was, string now, string origins) =>
        Assert.That(string.Join(' ', ListAlignment.Ordered(Rows(was), Rows(now))), Is.EqualTo(origins));

    [TestCase("abc", "cab", "2 0 1")]
    [TestCase("aab", "aaab", "0 1 -1 2")]
    [TestCase("abc", "x", "-1")]
    public void A_list_without_an_order_rewrites_nothing(string was, string now, string origins) =>
        Assert.That(string.Join(' ', ListAlignment.Unordered(Rows(was), Rows(now))), Is.EqualTo(origins));

    // Whatever comes out: places rise, none is taken twice, and a new row stands behind all that stay.
    [Test]
    public void Places_rise_and_new_rows_come_last()
    {
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var (was, now) = (Draw(random), Draw(random));
            var origins = ListAlignment.Ordered(Rows(was), Rows(now));
            var kept = origins.TakeWhile(origin => origin >= 0).ToList();
            Assert.That(kept, Is.Ordered.Ascending.And.Unique, $"{was} to {now}");
            Assert.That(origins.Skip(kept.Count), Is.All.EqualTo(-1), $"{was} to {now}");
            Assert.That(kept, Is.All.LessThan(was.Length), $"{was} to {now}");
        }
    }

    [Test]
    public void A_list_too_long_to_compare_all_with_all_still_keeps_both_ends()
    {
        object?[][] was = [.. Enumerable.Range(0, 9_000).Select(i => new object?[] { (long)i })];
        object?[][] now = [.. was[..100], .. Enumerable.Range(0, 8_800).Select(i => new object?[] { $"x{i}" }), .. was[8_900..]];
        var origins = ListAlignment.Ordered(was, now);
        Assert.That(origins, Is.EqualTo(Enumerable.Range(0, 9_000)));
    }

    private static string Draw(Random random) => new([.. Enumerable.Range(0, random.Next(9)).Select(_ => (char)('a' + random.Next(4)))]);

    private static object?[][] Rows(string letters) => [.. letters.Select(letter => new object?[] { letter.ToString() })];
}

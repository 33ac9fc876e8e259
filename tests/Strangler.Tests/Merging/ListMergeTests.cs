using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.Tests.Merging;

/// <summary>Lists that both sides have changed, element by element. An entry is written "second text".</summary>
[Category("Case43")]
public sealed class ListMergeTests
{
    private static readonly DateTime Start = new(2022, 6, 1, 10, 0, 0);

    [TestCase("", "1 a", "2 b", "1 a, 2 b", TestName = "Both_have_added: both are kept, by time")]
    [TestCase("1 a", "1 a, 4 d", "1 a, 2 b, 3 c", "1 a, 2 b, 3 c, 4 d", TestName = "Both_have_added: several")]
    [TestCase("5 e", "5 e, 3 c", "5 e, 6 f", "3 c, 5 e, 6 f", TestName = "Both_have_added: by time, whatever their order was")]
    [TestCase("1 a", "1 a, 2 b", "1 a, 2 b", "1 a, 2 b", TestName = "Both_have_added: the same, once")]
    [TestCase("5 e, 3 c", "5 e, 3 c, 6 f", "5 e, 3 c, 4 d", "5 e, 3 c, 4 d, 6 f", TestName = "Both_have_added: what is there stays in its order")]
    [TestCase("1 a, 2 b", "1 a", "1 a, 2 b, 3 c", "1 a, 3 c", TestName = "What_legacy_took_away_is_gone")]
    [TestCase("1 a, 2 b", "1 a, 2 b, 3 c", "2 b", "2 b, 3 c", TestName = "What_the_new_side_took_away_is_gone")]
    [TestCase("1 a, 2 b", "1 x, 2 b", "1 a, 2 b, 3 c", "1 x, 2 b, 3 c", TestName = "What_legacy_wrote_over_is_as_it_wrote_it")]
    [TestCase("1 a, 2 b", "1 a, 2 b, 3 c", "1 x, 2 b", "1 x, 2 b, 3 c", TestName = "What_the_new_side_wrote_over_is_as_it_wrote_it")]
    [TestCase("", "1 a", "1 b", "1 a, 2 b", TestName = "Two_of_one_second: the new side's a second later")]
    [TestCase("", "1 a, 3 c", "1 b, 2 d", "1 a, 2 d, 3 c, 4 b", TestName = "Two_of_one_second: the next that is free")]
    [TestCase("9 z", "9 z, 1 a", "9 z, 1 b", "9 z, 1 a, 2 b", TestName = "Two_of_one_second: beside what both know")]
    [TestCase("1 a", "1 x", "1 y", "1 x, 2 y", TestName = "Two_of_one_second: both wrote over the same")]
    public void By_time(string agreed, string legacy, string @new, string merged)
    {
        var known = Log(agreed);
        var merge = ListMerge.Try(0, Log(legacy), Log(@new), row => Contains(known, row), () => null)!;
        Assert.That(Text(merge.List), Is.EqualTo(merged));
        Assert.That(merge.Decided, Is.Null);
    }

    [Test]
    public void What_the_base_does_not_know_is_never_lost()
    {
        var merge = ListMerge.Try(0, Log("1 a"), Log("2 b"), _ => false, () => null)!;
        Assert.That(Text(merge.List), Is.EqualTo("1 a, 2 b"));
    }

    [TestCase(SideName.Legacy, "theirs")]
    [TestCase(SideName.New, "ours")]
    public void The_same_name_changed_on_both_sides_goes_to_the_owner(SideName owner, string wins)
    {
        var merge = ListMerge.Try(0, Named(("a", "x"), ("k", "theirs")), Named(("k", "ours"), ("z", "y")), _ => false, () => owner)!;
        Assert.That(merge.List, Is.EqualTo(Named(("a", "x"), ("k", wins), ("z", "y"))));
        Assert.That(merge.Decided, Is.EqualTo(owner));
    }

    [Test]
    public void Without_an_owner_it_is_nobody_s_to_decide() =>
        Assert.That(ListMerge.Try(0, Named(("k", "theirs")), Named(("k", "ours")), _ => false, () => null), Is.Null);

    [Test]
    public void A_list_that_has_a_key_twice_is_not_merged_by_element() =>
        Assert.That(ListMerge.Try(0, Log("1 a, 1 b"), Log("2 c"), _ => false, () => SideName.New), Is.Null);

    private static bool Contains(RecordList list, object?[] row) => list.Rows.Any(known => new RecordList([known]).Equals(new RecordList([row])));

    private static RecordList Named(params (string Name, string Text)[] rows) => new([.. rows.Select(row => (object?[])[row.Name, row.Text])]);

    private static RecordList Log(string text) => new(
        [.. text.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(entry => (object?[])[Start.AddSeconds(int.Parse(entry[..1])), entry[2..]])]);

    private static string Text(RecordList list) => string.Join(", ", list.Rows.Select(row => $"{((DateTime)row[0]!).Second} {row[1]}"));
}

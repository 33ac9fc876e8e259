using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class FieldHasherTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    [Test]
    public void A_hash_has_8_bytes_a_field_and_only_the_changed_field_changes()
    {
        var hasher = new FieldHasher(Key, 1);
        var (before, after) = (hasher.Hash(TestLens.Of("a", 1)), hasher.Hash(TestLens.Of("a", 2)));
        Assert.That(before, Has.Length.EqualTo(4 * FieldHasher.Size));
        var changed = Enumerable.Range(0, 4).Where(i => !before.AsSpan(i * 8, 8).SequenceEqual(after.AsSpan(i * 8, 8)));
        Assert.That(changed, Is.EqualTo(new[] { 1 }));
    }

    [Test]
    [Category("Case49")]
    [Category("Case69")]
    public void Values_that_are_not_the_same_never_hash_the_same()
    {
        var hasher = new FieldHasher(Key, 1);
        object?[] values =
        [
            null, "", "0", 0L, false, "a", "A", "a ", "é", "e\u0301", "\ud800", "\udc00", "\ufffd", true, 1L, -1L,
            new DateTime(1), new DateTime(0), DateOnly.MinValue, new byte[] { 0 }, Array.Empty<byte>(), RecordList.Empty,
            new RecordList([["ab", "c"]]), new RecordList([["a", "bc"]]),
            new RecordList([["a"], ["bc"]]), new RecordList([[null]]), new Hidden(null), new Hidden(false), new Hidden(new Hidden(null)),
        ];
        Assert.That(values.Select(value => Convert.ToHexString(hasher.HashValue(value))), Is.Unique);
        var record = TestLens.Of("a", 1);
        Assert.That(new FieldHasher(Key, 2).Hash(record), Is.Not.EqualTo(hasher.Hash(record)), "mapping version");
        Assert.That(new FieldHasher(new byte[16], 1).Hash(record), Is.Not.EqualTo(hasher.Hash(record)), "key");
        Assert.That(() => new FieldHasher([1, 2, 3], 1), Throws.ArgumentException);
    }

    [Test]
    public void Options_are_validated_with_every_error_at_once()
    {
        var options = new ContextOptions { PauseBudget = TimeSpan.FromDays(1), ShadowReadSample = double.NaN, IdBlock = 0 };
        Assert.That(options.Validate, Throws.ArgumentException.With.Message.Contains("PauseBudget").And.Message.Contains("ShadowReadSample")
            .And.Message.Contains("IdBlock").And.Message.Not.Contains("RelayBatch"));
        Assert.That(new ContextOptions().Validate, Throws.Nothing);
    }
}

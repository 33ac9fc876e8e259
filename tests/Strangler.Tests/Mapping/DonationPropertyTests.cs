using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Mapping.Lenses;
using Strangler.Mapping.Php;
using Strangler.Mapping.Verification;
using Strangler.Tests.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>The laws over records and blobs that nobody has thought of.</summary>
public sealed class DonationPropertyTests
{
    private static readonly CompiledMapping _mapping = DonationRows.Mapping;
    private static readonly Config _config = Config.QuickThrowOnFailure.WithMaxTest(2_000);

    private static readonly AggregateRow[] _rows =
        [.. DonationRows.Generate(2_500, 11).Where(donation => !donation.IsUnreadable).Select(DonationRows.Of)];

    [Test]
    public void A_record_that_legacy_takes_it_shows() => Check(seed =>
    {
        var row = Row(seed);
        var record = Changed(row.Get(), seed, changes: 6);
        return Refuses(() => _mapping.Legacy.Put(record, row), out var written) || written!.Get().AgreesWith(record);
    });

    [Test]
    public void A_record_that_legacy_takes_anew_it_shows() => Check(seed =>
    {
        var record = Changed(Row(seed).Get(), seed, changes: 4);
        return Refuses(() => _mapping.Legacy.Put(record, null), out var written) || written!.Get().AgreesWith(record);
    });

    [Test]
    public void A_record_of_one_row_can_be_put_on_any_other() => Check(seed =>
    {
        var record = Row(seed).Get();
        return Refuses(() => _mapping.Legacy.Put(record, Row(seed + 1)), out var written) || written!.Get().AgreesWith(record);
    });

    [Test]
    public void A_refusal_is_always_given_by_the_format_or_converter_that_knows_why() => Check(seed =>
    {
        var row = Row(seed);
        try
        {
            _mapping.Legacy.Put(Changed(row.Get(), seed, changes: 3), row);
        }
        catch (CannotHoldException exception)
        {
            return exception.Reason != LegacyLens.ShowsOther;
        }

        return true;
    });

    [Test]
    public void The_new_side_shows_what_it_was_given() => Check(seed =>
    {
        var record = Changed(Row(seed).Get(), seed, changes: 6);
        return Refuses(() => _mapping.New.Put(record, null), out var written) || _mapping.New.Get(written!).AgreesWith(record);
    });

    [Test]
    public void The_new_side_changes_a_row_into_what_it_was_given_and_touches_nothing_else() => Check(seed =>
    {
        var was = _mapping.New.Put(Row(seed).Get(), null);
        var record = _mapping.New.Get(was);
        if (!_mapping.New.Put(record, was).SameAs(was))
        {
            return false;
        }

        var before = was.Clone();
        var changed = Changed(record, seed, changes: 4);
        return (Refuses(() => _mapping.New.Put(changed, was), out var written) || _mapping.New.Get(written!).AgreesWith(changed))
            && was.SameAs(before);
    });

    [Test]
    public void Of_any_blob_only_the_changed_key_changes() => Check(seed =>
    {
        var blob = new RandomPhp(seed).Array(3);
        blob.Set("vorname", PhpString.Of("Max"));
        var row = DonationRows.Row(("data", PhpBlob.Encode(blob)));
        var written = row.Put(("donor.first_name", "Karla"));
        blob.Set("vorname", PhpString.Of("Karla"));
        return (string)written.Column("data")! == PhpBlob.Encode(blob) && written.With("data", row.Column("data")).SameAs(row);
    });

    [Test]
    public void Any_blob_comes_through_the_new_side() => Check(seed =>
    {
        var row = DonationRows.Row(("data", PhpBlob.Encode(new RandomPhp(seed).Array(3))));
        var there = _mapping.New.Get(_mapping.New.Put(row.Get(), null));
        return there.AgreesWith(row.Get()) && _mapping.Legacy.Put(there, row).SameAs(row)
            && _mapping.Legacy.Put(there, null).Get().AgreesWith(there);
    });

    [Test]
    public void Any_garbage_is_read_or_refused_as_unreadable() => Check(seed =>
    {
        var random = new Random(seed);
        var bytes = new byte[random.Next(60)];
        random.NextBytes(bytes);
        var row = DonationRows.Row(
            ("data", random.Next(2) == 0 ? Convert.ToBase64String(bytes) : System.Text.Encoding.Latin1.GetString(bytes)),
            ("betrag", System.Text.Encoding.Latin1.GetString(bytes.AsSpan(0, Math.Min(bytes.Length, random.Next(9))))));
        try
        {
            return _mapping.Legacy.Put(row.Get(), row).SameAs(row);
        }
        catch (UnreadableException)
        {
            return true;
        }
    });

    private static AggregateRow Row(int seed) => _rows[(int)((uint)seed % (uint)_rows.Length)];

    private static Record Changed(Record record, int seed, int changes)
    {
        for (var i = 0; i < changes; i++)
        {
            record = new RecordMutator(_mapping, seed + i).Mutate(record, seed);
        }

        return record;
    }

    private static bool Refuses(Func<AggregateRow> put, out AggregateRow? row)
    {
        try
        {
            row = put();
            return false;
        }
        catch (CannotHoldException)
        {
            row = null;
            return true;
        }
    }

    private static void Check(Func<int, bool> property) =>
        Prop.ForAll(Gen.Choose(int.MinValue, int.MaxValue).ToArbitrary(), property).Check(_config);
}

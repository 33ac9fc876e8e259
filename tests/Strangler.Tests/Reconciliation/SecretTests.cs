using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Reconciliation;

namespace Strangler.Tests.Reconciliation;

/// <summary>A secret is never shown in clear: in no report, to nobody who may see personal values, and in no conflict.</summary>
public sealed class SecretTests
{
    private const string Hash = "$2y$10$abcdefghijklmnop";

    private static readonly ValueMask Mask = new(new FieldHasher(new byte[32], 1));
    private static readonly RecordField Secret = new("password_hash", 0, FieldType.Text, Personal: true, 255, [], [], "") { Secret = true };
    private static readonly RecordField Personal = new("name", 1, FieldType.Text, Personal: true, 32, [], [], "");

    private static readonly RecordField Devices = new(
        "devices", 2, FieldType.List, Personal: true, 0, [],
        [new RecordField("name", 0, FieldType.Text, true, 0, [], [], ""), new RecordField("key", 1, FieldType.Text, true, 0, [], [], "") { Secret = true }],
        RecordList.Empty);

    private static readonly RecordList List = new([["phone", Hash]]);

    [Test]
    public void A_report_holds_its_keyed_hash_and_not_even_its_shape()
    {
        Assert.That(Mask.Show(Secret, Hash), Does.Match("^#[0-9a-f]{8}$"));
        Assert.That(Mask.Show(Secret, Hash + "q"), Is.Not.EqualTo(Mask.Show(Secret, Hash)));
        Assert.That(Mask.Show(Secret, string.Concat(Hash, "")), Is.EqualTo(Mask.Show(Personal with { Secret = true }, Hash)), "equal values look equal");
        Assert.That(Mask.Show(Personal, Hash), Does.Contain("characters"), "of a personal value the shape is shown");
    }

    [Test]
    public void Revealing_shows_personal_values_and_no_secret()
    {
        Assert.That(ValueMask.Clear(Personal, "Erika"), Does.Contain("Erika"));
        Assert.That(ValueMask.Clear(Secret, Hash), Is.EqualTo("(secret)"));
        Assert.That(ValueMask.Clear(Devices, List), Does.Contain("phone").And.Not.Contain("abcdef"));
    }

    [Test]
    public void A_conflict_keeps_the_keyed_hash_alone()
    {
        var stored = ConflictValues.Encode(Secret, Hash, Mask);
        Assert.That(stored, Does.Not.Contain("abcdef"));
        var decoded = ConflictValues.Decode(Secret, stored);
        Assert.That((Mask.Show(Secret, decoded), ValueMask.Clear(Secret, decoded)), Is.EqualTo((Mask.Show(Secret, Hash), Mask.Show(Secret, Hash))));
        Assert.That(ConflictValues.Encode(Devices, List, Mask), Does.Contain("phone").And.Not.Contain("abcdef"));
        Assert.That(ConflictValues.Encode(Secret, new Hidden(Hash), Mask), Does.Not.Contain("abcdef"));

        var schema = new RecordSchema("users", "user", 1, [Secret, Personal, Devices]);
        var whole = ConflictValues.Encode(new Record(schema, [Hash, "Erika", List]), Mask);
        Assert.That(whole, Does.Contain("Erika").And.Not.Contain("abcdef"));
        Assert.That(ConflictValues.DecodeRecord(schema, whole).Select(pair => pair.Field.Name), Is.EqualTo(new[] { "password_hash", "name", "devices" }));
    }

    [Test]
    public void Whether_there_is_one_may_be_told() => Assert.That(Mask.Show(Secret, ""), Is.EqualTo("empty"));
}

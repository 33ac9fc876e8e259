using System.Buffers;
using System.Security.Cryptography;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.DualWrite;

/// <summary>Stored hashes outlive programs: what is hashed, and how, must not change.</summary>
public sealed class FieldHashStabilityTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Test]
    public void Is_the_beginning_of_an_hmac_of_version_name_and_value()
    {
        var hasher = new FieldHasher(Key, 3);
        foreach (var row in DonationRows.Generate(300, 5).Where(donation => !donation.IsUnreadable).Select(DonationRows.Of))
        {
            var record = DonationRows.Mapping.Legacy.Get(row);
            var hashes = hasher.Hash(record);
            for (var i = 0; i < record.Values.Length; i++)
            {
                Assert.That(hashes.AsSpan(i * FieldHasher.Size, FieldHasher.Size).ToArray(), Is.EqualTo(Plain(record, i)), record.Schema.Fields[i].Name);
            }
        }
    }

    [Test]
    public void Many_threads_get_what_one_gets()
    {
        var hasher = new FieldHasher(Key, 3);
        var records = DonationRows.Generate(200, 6).Where(donation => !donation.IsUnreadable)
            .Select(donation => DonationRows.Mapping.Legacy.Get(DonationRows.Of(donation))).ToArray();
        var alone = records.Select(hasher.Hash).ToArray();
        var together = records.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(new FieldHasher(Key, 3).Hash).ToArray();
        Assert.That(together, Is.EqualTo(alone));
    }

    private static byte[] Plain(Record record, int field)
    {
        var buffer = new ArrayBufferWriter<byte>();
        RecordEncoding.Write(buffer, 3L);
        RecordEncoding.Write(buffer, record.Schema.Fields[field].Name);
        RecordEncoding.Write(buffer, record.Values[field]);
        return HMACSHA256.HashData(Key, buffer.WrittenSpan)[..FieldHasher.Size];
    }
}

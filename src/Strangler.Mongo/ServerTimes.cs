using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>What a reply says of the server's times.</summary>
/// <param name="IsAcknowledged">It has succeeded, and the majority has confirmed what was to be confirmed.</param>
/// <param name="Operation">Of a write its own, of a read of the majority's state that state's; else whatever this server has last applied.</param>
/// <param name="Snapshot">Of a snapshot read.</param>
internal readonly record struct ServerTimes(bool IsAcknowledged, BsonTimestamp? Operation, BsonTimestamp? Snapshot)
{
    /// <summary>Of a reply, without reading what it holds.</summary>
    public static ServerTimes Of(ReadOnlySpan<byte> reply)
    {
        var (isDone, isConfirmed) = (false, true);
        BsonTimestamp? operation = null, snapshot = null;
        var reader = new BsonReader(reply);
        while (reader.Read())
        {
            if (reader.NameBytes.SequenceEqual("ok"u8))
                isDone = reader.GetValue().TryGetInt64(out var ok) && ok == 1;
            else if (reader.NameBytes.SequenceEqual("writeConcernError"u8))
                isConfirmed = false;
            else if (reader.NameBytes.SequenceEqual("operationTime"u8))
                operation = Time(reader);
            else if (reader.NameBytes.SequenceEqual("atClusterTime"u8))
                snapshot = Time(reader);
            else if (reader.NameBytes.SequenceEqual("cursor"u8) && reader.Type == BsonType.Document)
                snapshot = SnapshotOf(reader.GetDocument());
        }

        return new(isDone && isConfirmed, operation, snapshot);
    }

    private static BsonTimestamp? SnapshotOf(BsonReader cursor)
    {
        while (cursor.Read())
        {
            if (cursor.NameBytes.SequenceEqual("atClusterTime"u8))
                return Time(cursor);
        }

        return null;
    }

    private static BsonTimestamp? Time(BsonReader reader) => reader.Type == BsonType.Timestamp ? reader.GetValue().AsTimestamp : null;
}

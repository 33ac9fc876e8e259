using System.Globalization;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>What a server must be. One member of a set is enough.</summary>
internal static class MongoTopology
{
    // 5.0: a read of several collections has one snapshot without a transaction.
    private const int LeastWireVersion = 13;

    /// <exception cref="MongoFailureException"><see cref="MongoErrorKind.Unsuitable"/>, with the commands that cure it.</exception>
    public static async Task CheckAsync(MongoSession session, CancellationToken cancellationToken)
    {
        var hello = await session.RunAsync(BsonDocument.Of(("hello", 1)), cancellationToken, "admin").ConfigureAwait(false);
        if (Problem(hello, session.Source.Display) is { } problem)
            throw new MongoFailureException(IsBetweenPrimaries(hello) ? MongoErrorKind.NotPrimary : MongoErrorKind.Unsuitable, problem);
    }

    // It may become one, or another one may be found the next time.
    private static bool IsBetweenPrimaries(BsonDocument hello) =>
        hello["setName"].Type == BsonType.String && !hello["isWritablePrimary"].Equals(true, BsonComparison.Exact);

    /// <summary>Null when the server will do.</summary>
    public static string? Problem(BsonDocument hello, string display)
    {
        if (hello["msg"].Type == BsonType.String && hello["msg"].AsString == "isdbgrid")
            return $"{display} is a router of a sharded cluster (mongos); only replica sets are supported. Connect to a replica set.";
        if (hello["setName"].Type != BsonType.String)
            return Standalone(display);
        if (!hello["isWritablePrimary"].Equals(true, BsonComparison.Exact))
            return $"{display} is not the primary of its set {hello["setName"].AsString}; name the set in the connection string: replicaSet={hello["setName"].AsString}.";
        return hello["maxWireVersion"].TryGetInt64(out var version) && version >= LeastWireVersion
            ? null
            : string.Create(CultureInfo.InvariantCulture,
                $"{display} speaks wire version {version}; {LeastWireVersion} (MongoDB 5.0) or newer is needed.");
    }

    /// <summary>Why a server was not taken for a member of the set that the connection string names; null when there is no lasting reason.</summary>
    public static string? WhyNotFound(BsonDocument hello, string display, string? set)
    {
        if (hello["msg"].Type == BsonType.String || hello["setName"].Type != BsonType.String)
            return hello["isreplicaset"].Equals(true, BsonComparison.Exact) ? null : Problem(hello, display);
        var name = hello["setName"].AsString;
        return set is null || set == name ? null : $"{display} is a member of the set {name}, not of {set}; the connection string must say replicaSet={name}.";
    }

    /// <summary>What is wrong with a server that is no member of a set, and what cures it.</summary>
    public static string Standalone(string display) =>
        $"{display} is a standalone server, which has no transactions and no change streams. Make it a set of one member: stop mongod, start it with "
        + "--replSet rs0 (or replication.replSetName: rs0 in mongod.conf), then once: mongosh --eval 'rs.initiate()'. Then add replicaSet=rs0 to the "
        + "connection string.";
}

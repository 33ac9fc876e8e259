using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>One update statement.</summary>
/// <param name="Filter">Which documents.</param>
/// <param name="Change">Operators, a whole document, or a pipeline.</param>
/// <param name="Upsert">Insert one where none matches.</param>
/// <param name="Many">All that match, not only the first.</param>
public readonly record struct MongoUpdate(BsonDocument Filter, BsonValue Change, bool Upsert = false, bool Many = false)
{
    internal BsonDocument ToDocument() => BsonDocument.Of(("q", Filter), ("u", Change), ("upsert", Upsert), ("multi", Many));

    public override string ToString() => nameof(MongoUpdate);
}

/// <summary>One delete statement.</summary>
/// <param name="Filter">Which documents.</param>
/// <param name="Many">All that match, not only the first.</param>
public readonly record struct MongoDelete(BsonDocument Filter, bool Many = false)
{
    internal BsonDocument ToDocument() => BsonDocument.Of(("q", Filter), ("limit", Many ? 0 : 1));

    public override string ToString() => nameof(MongoDelete);
}

/// <summary>A statement that failed.</summary>
/// <param name="Place">Its place among those given.</param>
/// <param name="Failure">Why.</param>
public sealed record MongoWriteError(int Place, MongoFailureException Failure);

/// <summary>What became of statements.</summary>
public sealed class MongoWriteResult
{
    private readonly List<MongoWriteError> _errors = [];
    private readonly List<(int Place, BsonValue Id)> _upserted = [];

    /// <summary>Documents inserted, matched or deleted.</summary>
    public long Count { get; private set; }

    /// <summary>Documents that an update has really changed.</summary>
    public long Modified { get; private set; }

    /// <summary>Places of statements that have inserted a document, and its id.</summary>
    public IReadOnlyList<(int Place, BsonValue Id)> Upserted => _upserted;

    /// <summary>Statements that failed. After the first of an ordered list, nothing more was done.</summary>
    public IReadOnlyList<MongoWriteError> Errors => _errors;

    /// <summary>Throws the first error, if there is one.</summary>
    /// <exception cref="MongoFailureException">A statement failed.</exception>
    public MongoWriteResult ThrowIfFailed() => _errors.Count == 0 ? this : throw _errors[0].Failure;

    internal void Add(BsonDocument reply, int before)
    {
        Count += Number(reply["n"]);
        Modified += Number(reply["nModified"]);
        foreach (var upserted in Documents(reply["upserted"]))
            _upserted.Add((before + (int)Number(upserted["index"]), upserted["_id"]));
        foreach (var error in Documents(reply["writeErrors"]))
            _errors.Add(new(before + (int)Number(error["index"]), MongoFailureException.Of(error, MongoFailureException.LabelsOf(reply))));
    }

    private static long Number(BsonValue value) => value.TryGetInt64(out var number) ? number : 0;

    private static IEnumerable<BsonDocument> Documents(BsonValue array) =>
        array.Type == BsonType.Array ? array.AsArray.Where(value => value.Type == BsonType.Document).Select(value => value.AsDocument) : [];
}

/// <summary>A command with statements, cut into pieces that a server takes.</summary>
internal sealed record MongoWriteCommand(string Name, string Field, string Collection, bool IsOrdered)
{
    // A server takes 100,000 and 16 MiB; one document of that size must fit, too.
    private const int MostStatements = 100_000;
    private const int MostBytes = 8 * 1024 * 1024;

    /// <returns>How many statements from <paramref name="first"/> on are in the command.</returns>
    public int Write(BsonWriter writer, IReadOnlyList<BsonDocument> statements, int first, Action<BsonWriter> generic)
    {
        var start = writer.Begin();
        writer.Write(Name, Collection);
        writer.Write("ordered", IsOrdered);
        var array = writer.BeginArray(Field);
        var count = 0;
        while (first + count < statements.Count && count < MostStatements)
        {
            var before = writer.Length;
            writer.WriteValue(count, statements[first + count]);
            if (count > 0 && writer.Length > MostBytes)
            {
                // The next command's: two that each may be as large as a document are together more than a server takes.
                writer.CutTo(before);
                break;
            }

            count++;
        }

        writer.End(array);
        generic(writer);
        writer.End(start);
        return count;
    }
}

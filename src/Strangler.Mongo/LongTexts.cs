using System.Text;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>Texts that may be longer than a document can be (16 MB): the parts stand in documents of their own, beside the one that says how many there are.</summary>
internal static class LongTexts
{
    public const string Report = "report";
    public const string Checkpoint = "checkpoint";

    // UTF-16 units; each is at most three bytes in UTF-8.
    private const int Longest = 1_000_000;

    /// <summary>Writes the parts of a text that is too long to stand in its document, and removes those that an earlier one had more.</summary>
    /// <returns>What is to stand in the document itself, and how many parts there are beside it.</returns>
    public static async Task<(string Inline, int Parts)> WriteAsync(
        MongoSession session, string owner, long id, string text, CancellationToken cancellationToken)
    {
        var parts = text.Length <= Longest ? [] : Split(text);
        // One a command: together they may be more than a command takes.
        for (var part = 0; part < parts.Count; part++)
        {
            var set = BsonDocument.Of(("$set", BsonDocument.Of(("content", parts[part]))));
            (await session.UpdateAsync(Names.TextPart, [new(Keys.Filter(Id(owner, id, part)), set, Upsert: true)], true, cancellationToken).ConfigureAwait(false))
                .ThrowIfFailed();
        }

        (await session.DeleteAsync(Names.TextPart, [new(From(owner, id, parts.Count), Many: true)], true, cancellationToken).ConfigureAwait(false)).ThrowIfFailed();
        return (parts.Count == 0 ? text : "", parts.Count);
    }

    /// <summary>The whole text.</summary>
    public static async Task<string> ReadAsync(
        MongoSession session, string owner, long id, string inline, long parts, CancellationToken cancellationToken)
    {
        if (parts == 0)
        {
            return inline;
        }

        var text = new StringBuilder();
        for (var part = 0; part < parts; part++)
        {
            text.Append((await session.FirstAsync(Names.TextPart, Keys.Filter(Id(owner, id, part)), cancellationToken).ConfigureAwait(false))?.Text("content"));
        }

        return text.ToString();
    }

    public static Task ForgetAsync(MongoSession session, string owner, long id, CancellationToken cancellationToken) =>
        session.DeleteAsync(Names.TextPart, [new(From(owner, id, 0), Many: true)], true, cancellationToken);

    private static List<string> Split(string text)
    {
        List<string> parts = [];
        for (var at = 0; at < text.Length; at += parts[^1].Length)
        {
            parts.Add(Texts.Cut(text[at..Math.Min(at + Longest + 1, text.Length)], Longest));
        }

        return parts;
    }

    private static BsonDocument Id(string owner, long id, int part) => BsonDocument.Of(("owner", owner), ("id", id), ("part", part));

    private static BsonDocument From(string owner, long id, int part) => Keys.Filter(BsonDocument.Of(
        ("$gte", Id(owner, id, part)), ("$lte", Id(owner, id, int.MaxValue))));
}

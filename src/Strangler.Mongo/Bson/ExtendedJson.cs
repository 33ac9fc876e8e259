using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Strangler.Mongo.Bson;

/// <summary>MongoDB Extended JSON v2: documents as text that keeps every type.</summary>
/// <remarks>https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md</remarks>
public static class ExtendedJson
{
    internal const int MaxDepth = 200;

    // Each level of BSON can take another of JSON: { "$code": …, "$scope": … }.
    private static readonly JsonReaderOptions Reading = new() { MaxDepth = 2 * MaxDepth };

    /// <summary>One document.</summary>
    /// <param name="relaxed">Numbers and dates as people write them, where no type is lost that JSON has a word for; an int64 that fits
    /// becomes an int32 when
    /// it is read again.</param>
    /// <param name="indented">Over several lines.</param>
    public static string Write(BsonDocument document, bool relaxed = false, bool indented = false)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        Write(document, buffer, relaxed, indented);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>One document as UTF-8.</summary>
    public static void Write(BsonDocument document, IBufferWriter<byte> output, bool relaxed = false, bool indented = false)
    {
        var options = new JsonWriterOptions
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = indented, MaxDepth = 3 * MaxDepth, SkipValidation = true,
        };
        using var json = new Utf8JsonWriter(output, options);
        new ExtendedJsonWriter(json, relaxed).Write(document);
    }

    /// <summary>Reads one document, in the canonical or the relaxed form or a mixture.</summary>
    /// <exception cref="BsonFormatException">It is no JSON, or a <c>$…</c> form is not as it must be.</exception>
    public static BsonDocument Read(string text) => Read(Bytes(text));

    /// <inheritdoc cref="Read(string)"/>
    public static BsonDocument Read(ReadOnlySpan<byte> utf8) => ReadAll(utf8) is [var only]
        ? only
        : throw new BsonFormatException("the text is not one document", 0, "");

    /// <summary>Reads the documents of an array, or documents one behind the other, as exports have them.</summary>
    /// <exception cref="BsonFormatException">It is no JSON, or a <c>$…</c> form is not as it must be.</exception>
    public static IReadOnlyList<BsonDocument> ReadAll(string text) => ReadAll(Bytes(text));

    /// <inheritdoc cref="ReadAll(string)"/>
    public static IReadOnlyList<BsonDocument> ReadAll(ReadOnlySpan<byte> utf8)
    {
        List<BsonDocument> documents = [];
        var done = 0;
        while (done < utf8.Length && utf8[done..].ContainsAnyExcept(" \t\r\n"u8))
        {
            var reader = new ExtendedJsonReader(utf8[done..], done, Reading);
            documents.AddRange(reader.ReadDocuments(out var read));
            done += read;
        }
        return documents;
    }

    // Half of a surrogate pair would silently become another character.
    private static byte[] Bytes(string text)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new BsonFormatException("the text holds half of a surrogate pair", e.Index, "", e);
        }
    }
}

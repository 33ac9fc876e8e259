using System.Globalization;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Drivers.LibMongoc;

/// <summary>What the library's errors mean. https://mongoc.org/libmongoc/1.23.1/errors.html</summary>
internal static class Failures
{
    private const uint Client = 1, Stream = 2, Protocol = 3, Scram = 14, Sasl = 7, ServerSelection = 15, WriteConcern = 16, Server = 17,
        Transaction = 18;
    private const uint NameResolution = 3, Connect = 5, Authenticate = 11;

    /// <summary>It was not to be had what stands there of a name.</summary>
    public static bool IsOfDns(MongocError error) => (error.Domain, error.Code) is (Stream, NameResolution);

    public static MongoFailureException Of(MongocError error, BsonDocument reply)
    {
        var kind = (error.Domain, error.Code) switch
        {
            (ServerSelection, _) => MongoErrorKind.Unreachable,
            (Stream, NameResolution or Connect) => MongoErrorKind.Unreachable,
            (Stream or Protocol, _) => MongoErrorKind.ConnectionLost,
            (Client, Authenticate) or (Scram or Sasl, _) => MongoErrorKind.AccessDenied,
            (Server or WriteConcern, _) => MongoFailureException.KindOf((int)error.Code),
            (Transaction, _) => MongoErrorKind.NoTransaction,
            _ => MongoErrorKind.Other,
        };
        return new(kind, string.Create(CultureInfo.InvariantCulture,
            $"{MongoFailureException.WithoutValues(error.Message, kind)} ({kind}, {error.Domain}.{error.Code})"))
        {
            Code = error.Domain is Server or WriteConcern ? (int)error.Code : 0,
            Labels = MongoFailureException.LabelsOf(reply),
        };
    }
}

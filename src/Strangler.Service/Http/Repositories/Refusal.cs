using Microsoft.AspNetCore.Http;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>Requests that are not carried out.</summary>
internal static class Refusal
{
    /// <summary>It cannot be read.</summary>
    public static ApiException Bad(string detail) => new(StatusCodes.Status400BadRequest, detail);

    public static ApiException NotThere(string detail) => new(StatusCodes.Status404NotFound, detail);

    /// <summary>It can be read, and a member cannot be what it is to be.</summary>
    public static ApiException Senseless(string member, string detail) =>
        OfMember(StatusCodes.Status422UnprocessableEntity, member, detail);

    /// <summary>It makes sense, and not as things stand.</summary>
    public static ApiException NotNow(string member, string detail) => OfMember(StatusCodes.Status409Conflict, member, detail);

    private static ApiException OfMember(int status, string member, string detail) => new(status, detail)
    {
        More = new Dictionary<string, object?>(StringComparer.Ordinal) { ["member"] = member },
    };
}

namespace Strangler.Service.Http.Admin;

/// <summary>A request that is answered with a problem.</summary>
internal sealed class ApiException(int status, string detail) : Exception(detail)
{
    public int Status { get; } = status;

    public IReadOnlyDictionary<string, object?>? More { get; init; }
}

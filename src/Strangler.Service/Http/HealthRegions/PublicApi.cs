using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Contexts.HealthRegions;

namespace Strangler.Service.Http.HealthRegions;

/// <summary>
/// The documented API: <c>/health-regions</c>, <c>/health-regions/{id}</c> and <c>/fsa/{id}</c>. The latter promises an array, so it is where a
/// postcode may have several regions. It takes a postcode in any case and with blanks around it; what can be none is 400, what is unknown 404.
/// </summary>
internal sealed partial class PublicApi(HealthRegionDirectory directory, Answers answers)
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/health-regions", Methods, AllAsync);
        routes.MapMethods("/health-regions/{id}", Methods, OneAsync);
        routes.MapMethods("/fsa/{id}", Methods, OfPostcodeAsync);
    }

    private Task AllAsync(HttpContext http) => answers.AnswerAsync(http, async token =>
    {
        var regions = await directory.RegionsAsync(token).ConfigureAwait(false);
        await Answers.JsonAsync(http, new JsonText().Array(regions, Shapes.Region)).ConfigureAwait(false);
    });

    private Task OneAsync(HttpContext http) => answers.AnswerAsync(http, async token =>
    {
        var given = Given(http);
        if (!long.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            await Answers.ProblemAsync(
                http, StatusCodes.Status400BadRequest, "Bad Request", "A health region is named by its hr_uid, a whole number such as 3551.").ConfigureAwait(false);
        }
        else if (await directory.RegionAsync(id, token).ConfigureAwait(false) is { } region)
        {
            await Answers.JsonAsync(http, Shapes.Of(region, Shapes.Region)).ConfigureAwait(false);
        }
        else
        {
            var detail = string.Create(CultureInfo.InvariantCulture, $"There is no health region {id}.");
            await Answers.ProblemAsync(http, StatusCodes.Status404NotFound, "Not Found", detail).ConfigureAwait(false);
        }
    });

    private Task OfPostcodeAsync(HttpContext http) => answers.AnswerAsync(http, async token =>
    {
        var code = Given(http).Trim().ToUpperInvariant();
        if (!Postcode().IsMatch(code))
        {
            await Answers.ProblemAsync(
                http, StatusCodes.Status400BadRequest, "Bad Request",
                "A postcode is named by its first three characters: a letter, a digit and a letter, such as K1A.").ConfigureAwait(false);
            return;
        }

        var regions = await directory.RegionsOfAsync(code, token).ConfigureAwait(false);
        await (regions.Count > 0
            ? Answers.JsonAsync(http, new JsonText().Array(regions, Shapes.Region))
            : Answers.ProblemAsync(http, StatusCodes.Status404NotFound, "Not Found", $"No health region is known for {code}.")).ConfigureAwait(false);
    });

    private static string Given(HttpContext http) => (string?)http.Request.RouteValues["id"] ?? "";

    [GeneratedRegex(@"\A[A-Z][0-9][A-Z]\z", RegexOptions.CultureInvariant)]
    private static partial Regex Postcode();
}

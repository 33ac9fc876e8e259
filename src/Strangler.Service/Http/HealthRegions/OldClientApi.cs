using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Contexts.HealthRegions;

namespace Strangler.Service.Http.HealthRegions;

/// <summary>
/// The routes of the older client, as they always were: PascalCase for what is nested, null for what is not there, 200 with <c>[]</c> or <c>null</c> for
/// what is unknown, 422 where the provinces or regions cannot be read. A postcode has one region here, whatever the new side knows.
/// </summary>
internal sealed class OldClientApi(HealthRegionDirectory directory, Answers answers)
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/api/locations/get-all", Methods, LocationsAsync);
        routes.MapMethods("/api/locations/{fsa}", Methods, LocationAsync);
        routes.MapMethods("/api/provinces", Methods, ProvincesAsync);
        routes.MapMethods("/api/health-regions/get-all", Methods, RegionsAsync);
        routes.MapMethods("/api/health-regions/{hr_uid}", Methods, RegionAsync);
    }

    private Task LocationsAsync(HttpContext http) => answers.AnswerAsync(http, async token =>
    {
        var locations = await directory.LocationsAsync(token).ConfigureAwait(false);
        await Answers.JsonAsync(http, new JsonText().Array(locations, (json, one) => Shapes.Location(json, one, Shapes.WholeMobility))).ConfigureAwait(false);
    });

    private Task LocationAsync(HttpContext http) => answers.AnswerAsync(http, async token =>
    {
        var locations = await directory.LocationsAsync(Given(http, "fsa"), token).ConfigureAwait(false);
        await Answers.JsonAsync(http, new JsonText().Array(locations, (json, one) => Shapes.Location(json, one, Shapes.ShortMobility))).ConfigureAwait(false);
    });

    private Task ProvincesAsync(HttpContext http) => answers.AnswerAsync(
        http,
        async token =>
        {
            var provinces = await directory.ProvincesAsync(token).ConfigureAwait(false);
            await Answers.JsonAsync(http, new JsonText().Array(provinces, Shapes.Province)).ConfigureAwait(false);
        },
        _ => UnprocessableAsync(http));

    private Task RegionsAsync(HttpContext http) => answers.AnswerAsync(
        http,
        async token =>
        {
            var regions = await directory.RegionsAsync(token).ConfigureAwait(false);
            await Answers.JsonAsync(http, new JsonText().Array(regions, Shapes.Region)).ConfigureAwait(false);
        },
        _ => UnprocessableAsync(http));

    private Task RegionAsync(HttpContext http) => answers.AnswerAsync(
        http,
        async token =>
        {
            var isNumber = long.TryParse(Given(http, "hr_uid"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id);
            var region = isNumber ? await directory.RegionAsync(id, token).ConfigureAwait(false) : null;
            await Answers.JsonAsync(http, region is null ? new JsonText().Null() : Shapes.Of(region, Shapes.Region)).ConfigureAwait(false);
        },
        _ => UnprocessableAsync(http));

    // As the old server passed its library's error on.
    private static Task UnprocessableAsync(HttpContext http) => Answers.JsonAsync(
        http, new JsonText().Object(error => error.Text("name", "SequelizeConnectionError")), StatusCodes.Status422UnprocessableEntity);

    private static string Given(HttpContext http, string name) => (string?)http.Request.RouteValues[name] ?? "";
}

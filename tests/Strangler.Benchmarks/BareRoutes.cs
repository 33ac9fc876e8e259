using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.MySql;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>
/// What the routes are measured against: Kestrel, the same SQL with the driver alone (Npgsql with prepared statements; where legacy leads the
/// driver that is built in for it), rows written as JSON by <see cref="Utf8JsonWriter"/>. No fence, no snapshot, no limits, no metrics.
/// </summary>
internal static class BareRoutes
{
    public const string Verb = "--bare-routes";

    private static readonly string[] RegionColumns = ["hr_uid", "province_code", "name_en", "name_fr", "website_en", "website_fr"];

    public static async Task<int> RunChildAsync(int port, SideName side)
    {
        var connectionString = Environment.GetEnvironmentVariable(StranglerConfiguration.VariableOf(HealthRegionsContext.Name, side))!;
        var open = side == SideName.Legacy ? OpenerOf(connectionString) : PostgresOpenerOf(connectionString["postgres:".Length..]);
        var sql = SideQueries.Of(side);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server => server.Listen(IPAddress.Loopback, port));
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        app.UseRouting();
        app.MapGet("/health-regions/{id}", http => AnswerAsync(
            http, open, sql.Region, long.Parse((string)http.Request.RouteValues["id"]!, CultureInfo.InvariantCulture), isArray: false));
        app.MapGet("/health-regions", http => AnswerAsync(http, open, sql.Regions, null, isArray: true));
        app.MapGet("/fsa/{id}", http => AnswerAsync(http, open, sql.RegionsOfPostcode, (string)http.Request.RouteValues["id"]!, isArray: true));
        await app.RunAsync();
        return 0;
    }

    private static Func<CancellationToken, Task<DbConnection>> OpenerOf(string connectionString)
    {
        var source = MySqlDriver.CreateDataSource(connectionString, new MySqlDataSourceOptions());
        return async token => await source.OpenAsync(token);
    }

    private static Func<CancellationToken, Task<DbConnection>> PostgresOpenerOf(string connectionString)
    {
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
        {
            MaxAutoPrepare = 100, AutoPrepareMinUsages = 3, NoResetOnClose = true,
        });
        return async token => await source.OpenConnectionAsync(token);
    }

    private static async Task AnswerAsync(HttpContext http, Func<CancellationToken, Task<DbConnection>> open, string sql, object? value, bool isArray)
    {
        await using var connection = await open(http.RequestAborted);
        await using var command = connection.CreateCommand();
        command.CommandText = string.Format(CultureInfo.InvariantCulture, sql, "@p0");
        if (value is not null)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ("@p0", value);
            command.Parameters.Add(parameter);
        }

        using var body = new MemoryStream();
        await using (var json = new Utf8JsonWriter(body))
        await using (var rows = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            if (isArray)
            {
                json.WriteStartArray();
            }

            while (await rows.ReadAsync(http.RequestAborted))
            {
                json.WriteStartObject();
                for (var at = 0; at < RegionColumns.Length; at++)
                {
                    json.WritePropertyName(RegionColumns[at]);
                    JsonSerializer.Serialize(json, rows.IsDBNull(at) ? null : rows.GetValue(at));
                }

                json.WriteEndObject();
            }

            if (isArray)
            {
                json.WriteEndArray();
            }
        }

        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), http.RequestAborted);
    }
}

using System.Data.Common;
using Dapper;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Another program: plain SQL sessions on the legacy tables, that know nothing of us. And what capture made of it.</summary>
internal static class Foreign
{
    public static async Task<int> RunAsync(DonationsWorld world, string sql)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return await connection.ExecuteAsync(sql);
    }

    /// <summary>A bare donation.</summary>
    public static string Insert(long id, string more = "") =>
        $"INSERT INTO spenden (id, name, betrag, kommentar, data, dt_new) VALUES ({id}, 'Max', '5.00', '', NULL, '2020-01-01 12:00:00'){more}";

    /// <summary>Keys with foreign_seq of the foreign journal rows, in the order in which they were written.</summary>
    public static async Task<List<(long Key, long Seq)>> CapturedAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return (await connection.QueryAsync<(long, long)>(
            "SELECT CAST(`key` AS SIGNED), CAST(foreign_seq AS SIGNED) FROM strangler_journal WHERE origin = 'foreign' ORDER BY id")).ToList();
    }

    public static async Task<List<long>> KeysAsync(DonationsWorld world) => [.. (await CapturedAsync(world)).Select(row => row.Key)];

    /// <summary>As if nothing had been written yet.</summary>
    public static Task ForgetAsync(DonationsWorld world) => RunAsync(world, "DELETE FROM strangler_journal; DELETE FROM strangler_entity");
}

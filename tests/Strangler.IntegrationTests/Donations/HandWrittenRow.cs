using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Strangler.IntegrationTests.Donations;

/// <summary>A row of <c>spenden</c> written by hand: every column and every byte of the LOB as a test wants it.</summary>
internal sealed class HandWrittenRow
{
    public Dictionary<string, object?> Columns { get; } = new(StringComparer.Ordinal)
    {
        ["status"] = "N", ["name"] = "Erika Muster", ["ort"] = "Berlin", ["email"] = "erika@example.org", ["info"] = 1,
            ["bescheinigung"] = 1,
        ["eintrag"] = "", ["betrag"] = "13.37", ["periode"] = 3, ["zahlweise"] = "BEZ", ["kommentar"] = "", ["ueb_code"] = "",
        ["source"] = null, ["remote_addr"] = "", ["hash"] = null, ["is_public"] = 0, ["dt_new"] = "2016-05-17 11:42:02", ["dt_del"] = null,
        ["dt_exp"] = null, ["dt_gruen"] = null, ["dt_backup"] = null, ["payment_id"] = null,
    };

    /// <summary>Serialized keys and values, in order; the same key may stand there twice.</summary>
    public List<(byte[] Key, byte[] Value)> Entries { get; } =
    [
        (Text("adresstyp"), Text("person")), (Text("anrede"), Text("Frau")), (Text("vorname"), Text("Erika")),
            (Text("nachname"), Text("Muster")),
        (Text("strasse"), Text("Nyan Street")), (Text("plz"), Text("12345")), (Text("ort"), Text("Berlin")), (Text("country"), Text("DE")),
        (Text("email"), Text("erika@example.org")), (Text("tracking"), Text("test/gelb")), (Text("impCount"), Raw("i:3;")),
        (Text("iban"), Text("DE12500105170648489890")), (Text("log"), Map((Text("2016-05-17 11:42:02"), Text("sepa-mandat confirmed")))),
    ];

    /// <summary>What <c>data</c> holds, when it is not <see cref="Entries"/>.</summary>
    public string? Data { get; set; } = "";

    public List<string> Before { get; } = [];

    public static byte[] Raw(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Text(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    public static byte[] Bytes(params byte[] bytes) => [.. Raw($"s:{bytes.Length}:\""), .. bytes, .. Raw("\";")];

    public static byte[] Map(params (byte[] Key, byte[] Value)[] entries) =>
        [.. Raw($"a:{entries.Length}:{{"), .. entries.SelectMany(entry => entry.Key.Concat(entry.Value)), .. Raw("}")];

    public HandWrittenRow With(string column, object? value)
    {
        Columns[column] = value;
        return this;
    }

    /// <summary>Replaces the key, or appends it.</summary>
    public HandWrittenRow Key(string key, byte[] value)
    {
        var at = Entries.FindIndex(entry => entry.Key.AsSpan().SequenceEqual(Text(key)));
        if (at < 0)
        {
            return Entry(Text(key), value);
        }

        Entries[at] = (Text(key), value);
        return this;
    }

    public HandWrittenRow Key(string key, string value) => Key(key, Text(value));

    public HandWrittenRow Entry(byte[] key, byte[] value)
    {
        Entries.Add((key, value));
        return this;
    }

    public HandWrittenRow Without(string key)
    {
        Entries.RemoveAll(entry => entry.Key.AsSpan().SequenceEqual(Text(key)));
        return this;
    }

    public HandWrittenRow RawData(string? data)
    {
        Data = data;
        return this;
    }

    public HandWrittenRow First(string sql)
    {
        Before.Add(sql);
        return this;
    }

    public async Task InsertAsync(DbConnection connection, long id)
    {
        foreach (var sql in Before)
        {
            await RunAsync(connection, sql);
        }

        var data = Data is "" ? Convert.ToBase64String(Map([.. Entries])) : Data;
        var cells = Columns.Append(new("data", data)).Append(new("id", id)).ToList();
        await using var command = connection.CreateCommand();
        var names = string.Join(", ", cells.Select(cell => cell.Key));
        var values = string.Join(", ", cells.Select((_, at) => string.Create(CultureInfo.InvariantCulture, $"@p{at}")));
        command.CommandText = $"INSERT INTO spenden ({names}) VALUES ({values})";
        foreach (var (cell, at) in cells.Select((cell, at) => (cell, at)))
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ($"@p{at}", cell.Value ?? DBNull.Value);
            command.Parameters.Add(parameter);
        }

        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A connection that takes what old servers took: any date, no foreign keys.</summary>
    public static async Task<DbConnection> OpenAsync(TestDatabase database)
    {
        var connection = await database.OpenAsync();
        await RunAsync(connection, "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES', foreign_key_checks = 0");
        return connection;
    }

    public static async Task RunAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}

using System.Data.Common;
using Dapper;
using Npgsql;

namespace Strangler.IntegrationTests;

/// <summary>A database of a PostgreSQL server.</summary>
internal sealed class PostgresTestDatabase : TestDatabase
{
    private readonly string _admin;
    private readonly NpgsqlDataSource _source;

    private PostgresTestDatabase(string admin, string connectionString, string name)
        : base($"postgres:{connectionString}", name) => (_admin, _source) = (admin, NpgsqlDataSource.Create(connectionString));

    /// <param name="connectionString">Of the server, with the database given.</param>
    /// <param name="name">The database's.</param>
    public static async Task<PostgresTestDatabase> CreateAsync(Func<string?, string> connectionString, string name)
    {
        var database = new PostgresTestDatabase(connectionString(null), connectionString(name), name);
        await database.AdministerAsync($"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0");
        return database;
    }

    public override async Task<DbConnection> OpenAsync() => await _source.OpenConnectionAsync();

    private protected override async Task DropAsync()
    {
        await _source.DisposeAsync();
        await AdministerAsync($"DROP DATABASE IF EXISTS \"{Name}\" WITH (FORCE)");
    }

    public async Task AdministerAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_admin);
        await using var connection = await source.OpenConnectionAsync();
        await connection.ExecuteAsync(sql);
    }
}

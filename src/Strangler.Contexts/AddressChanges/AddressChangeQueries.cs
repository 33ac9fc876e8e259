using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Strangler.Contexts.AddressChanges;

/// <summary>What is asked of the legacy table beside single address changes.</summary>
internal static class LegacyAddressChangeQueries
{
    // The index finds by the collation, the bytes decide: an identifier is a secret, not a word.
    private const string ByIdentifiers =
        """
        SELECT id FROM address_change
        WHERE (current_identifier = @current AND CAST(current_identifier AS BINARY) = @currentBytes)
           OR (previous_identifier = @previous AND CAST(previous_identifier AS BINARY) = @previousBytes)
        ORDER BY id LIMIT 1
        """;

    private const string ByOwner = "SELECT id FROM address_change WHERE external_id_type = @type AND external_id = @id ORDER BY id LIMIT 1";

    public static Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, Identifiers wanted, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByIdentifiers,
            new
            {
                current = wanted.Current, currentBytes = Encoding.UTF8.GetBytes(wanted.Current ?? ""), previous = wanted.Previous,
                previousBytes = Encoding.UTF8.GetBytes(wanted.Previous ?? ""),
            },
            transaction,
            cancellationToken: cancellationToken));

    public static Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, Owner owner, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByOwner, new { type = AddressChangeRecords.CodeOf(owner.Type), id = owner.Id }, transaction, cancellationToken: cancellationToken));
}

/// <summary>The same questions to the new tables.</summary>
internal static class NewAddressChangeQueries
{
    private const string ByIdentifiers =
        """
        SELECT m.public_id FROM address_change a
        JOIN strangler_id_map m ON m.context = 'address-changes' AND m.kind = 'address-change' AND m.new_id = a.id
        WHERE a.current_identifier_hash = @current OR a.previous_identifier_hash = @previous ORDER BY m.public_id LIMIT 1
        """;

    private const string ByOwner =
        """
        SELECT m.public_id FROM address_change a
        JOIN strangler_id_map m ON m.context = 'address-changes' AND m.kind = 'address-change' AND m.new_id = a.id
        WHERE a.external_id = @id AND a.external_type = @type ORDER BY m.public_id LIMIT 1
        """;

    public static Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, Identifiers wanted, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByIdentifiers, new { current = Hash(wanted.Current), previous = Hash(wanted.Previous) }, transaction, cancellationToken: cancellationToken));

    public static Task<long?> FindIdAsync(
        DbConnection connection, DbTransaction? transaction, Owner owner, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByOwner, new { type = AddressChangeRecords.CodeOf(owner.Type), id = owner.Id }, transaction, cancellationToken: cancellationToken));

    private static byte[]? Hash(string? identifier) => identifier is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(identifier));
}

/// <summary>What someone shows: either may be null, and then finds nothing. Nothing empty is ever looked for.</summary>
internal sealed record Identifiers(string? Current, string? Previous)
{
    /// <summary>Null when there is nothing to look for.</summary>
    public static Identifiers? Of(string current, string previous)
    {
        ArgumentNullException.ThrowIfNull(current);
        ArgumentNullException.ThrowIfNull(previous);
        var wanted = new Identifiers(current.Length == 0 ? null : current, previous.Length == 0 ? null : previous);
        return wanted == new Identifiers(null, null) ? null : wanted;
    }

    public bool AreOf(AddressChange one) => one.CurrentIdentifier == Current || one.PreviousIdentifier == Previous;
}

using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>The fence row as columns of a select.</summary>
internal static class FenceSql
{
    public const int Width = 5;

    public static readonly Sql Columns = new("f.role, f.stage, f.epoch, f.dual_epoch, f.deadline");

    /// <summary>Where writes must be journalled and entity rows are kept: everywhere but on a side that leads alone.</summary>
    public static readonly Sql IsDual = new("NOT (f.role IN ('lead', 'switching') AND f.stage IN ('LegacyOnly', 'NewOnly'))");

    public static string Of(FenceRole role) => role.ToString().ToLowerInvariant();

    /// <exception cref="SideUnavailableException">A newer program wrote a role or stage that this build does not know; nothing is
    /// guessed.</exception>
    public static FenceRow Read(DbDataReader reader, int ordinal, SideName side)
    {
        var (role, stage) = (reader.GetString(ordinal), reader.GetString(ordinal + 1));
        if (!Enum.TryParse<FenceRole>(role, ignoreCase: true, out var knownRole) || !Enum.IsDefined(knownRole)
            || !Enum.TryParse<Stage>(stage, out var knownStage) || !Enum.IsDefined(knownStage))
        {
            throw new SideUnavailableException(
                side, $"its fence says {role}/{stage}, which this build does not know; deploy the newer build.", false,
                    new FormatException(stage));
        }

        DateTime? deadline = reader.IsDBNull(ordinal + 4) ? null : Utc(reader, ordinal + 4);
        return new FenceRow(knownRole, knownStage, reader.GetInt64(ordinal + 2), reader.GetInt64(ordinal + 3), deadline);
    }

    public static DateTime Utc(DbDataReader reader, int ordinal) => DateTime.SpecifyKind(reader.GetDateTime(ordinal), DateTimeKind.Utc);
}

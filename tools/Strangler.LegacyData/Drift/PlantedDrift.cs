using System.Globalization;
using Strangler.Reconciliation;

namespace Strangler.LegacyData.Drift;

/// <summary>A difference that was planted, as a reconciliation must find it.</summary>
/// <param name="Id">Public id; 0 for a row of the new side that none leads to.</param>
/// <param name="Verdict">Its class.</param>
/// <param name="Fields">The fields that differ; none where the difference is not one of fields.</param>
/// <param name="Place">Where among the keys that were there: first, last, between, before the first, in a gap, beyond the last.</param>
/// <param name="NewId">Of a row that no public id leads to: its new id.</param>
public sealed record PlantedDrift(long Id, Verdict Verdict, IReadOnlyList<string> Fields, string Place, long? NewId = null)
{
    /// <summary>What identifies it, as <see cref="PlantCheck"/> compares it.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Id}{(NewId is { } id ? $"/{id}" : "")} {Verdict} {string.Join(',', Fields.Order(StringComparer.Ordinal))}").TrimEnd();
}

/// <summary>What a planter has done, and what it could not do.</summary>
/// <param name="Planted">In the order of planting.</param>
/// <param name="NotPlanted">What could not be, with the reason: no entity that was looked at can hold another value there.</param>
public sealed record Plantation(IReadOnlyList<PlantedDrift> Planted, IReadOnlyList<string> NotPlanted);

using System.Globalization;

namespace Strangler.Reconciliation;

/// <summary>How fast a run was, pauses included; of a resumed one, what it did since it was resumed.</summary>
/// <param name="Entities">Entities with a verdict, and keys that an incremental run did not have to read.</param>
/// <param name="Seconds">From the first chunk to the last verdict.</param>
/// <param name="ProcessorSeconds">Of all that the process did meanwhile; the databases' own work is not in it.</param>
/// <param name="Processors">That the process may use.</param>
public sealed record RunSpeed(long Entities, double Seconds, double ProcessorSeconds, int Processors)
{
    public double PerSecond => Seconds > 0 ? Entities / Seconds : 0;

    /// <summary>What one core of this process does in a second: the figure to compare machines by.</summary>
    public double PerCoreSecond => ProcessorSeconds > 0 ? Entities / ProcessorSeconds : 0;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{PerSecond:N0} entities/s, {PerCoreSecond:N0} per core and second ({ProcessorSeconds:0.0} s of processor time in {Seconds:0.0} s, {Processors} processors)");
}

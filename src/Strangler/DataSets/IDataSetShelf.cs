namespace Strangler.DataSets;

/// <summary>
/// Keeps the new side's data set as it is beside its tables, while a new one comes over key by key: whoever reads what is published sees the one or the
/// other, whole. The views that show it belong to the context's migrations.
/// </summary>
public interface IDataSetShelf
{
    /// <summary>
    /// From here on the data set as it is now is what is published, until <see cref="PublishAsync"/>; one that is kept already stays. Waits for a
    /// publication that is under way. Returns whether it was this call that kept it. On failure nothing is changed.
    /// </summary>
    Task<bool> KeepAsync(CancellationToken cancellationToken);

    /// <summary>Whether one is kept.</summary>
    Task<bool> IsKeptAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Publishes the tables themselves again, in one step, if <paramref name="isWhole"/> says so while nobody else can keep or publish. Returns whether
    /// nothing is kept any more.
    /// </summary>
    Task<bool> PublishAsync(Func<CancellationToken, Task<bool>> isWhole, CancellationToken cancellationToken);
}

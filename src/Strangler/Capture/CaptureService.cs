using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Capture;

/// <summary>Installs, removes and judges the capture of one context, and keeps the books about it.</summary>
public sealed class CaptureService(ContextRuntime runtime)
{
    /// <summary>Null when everything that other programs write is captured, or the mapping declares that none does.</summary>
    public static async Task<string?> FaultAsync(ContextRuntime runtime, CancellationToken cancellationToken) =>
        runtime.Options.ForeignWritersNone ? null
        : runtime.Sides.Capture is not { } capture ? "not possible: legacy's store has none"
        : (await capture.LookAsync(cancellationToken)).Fault;

    /// <summary>Throws <see cref="CaptureException"/> unless other programs' writes are captured, or declared not to exist.</summary>
    internal static async Task RequireAsync(ContextRuntime runtime, string operation, CancellationToken cancellationToken)
    {
        if (await FaultAsync(runtime, cancellationToken) is { } fault)
        {
            throw new CaptureException(
                runtime.Context,
                $"{operation} of {runtime.Context} needs the capture of other programs' writes, which is {fault}; without it they would be lost. "
                + $"Run: strangler capture install {runtime.Context}");
        }
    }

    /// <summary>The context's capture.</summary>
    /// <exception cref="CaptureException">Legacy's store has none.</exception>
    public ICapture Capture => runtime.Sides.Capture
        ?? throw new CaptureException(runtime.Context, $"Legacy's store of {runtime.Context} cannot capture other programs' writes.");

    /// <summary>
    /// Installs what is missing; returns how many triggers were created or replaced. What was written before was not captured, so in a dual
    /// stage only a reconciliation that begins afterwards opens gates.
    /// </summary>
    public async Task<int> InstallAsync(string actor, TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken)
    {
        var fence = await runtime.Sides.Legacy.Fence.ReadAsync(cancellationToken);
        var changed = await Capture.InstallAsync(patience, progress, cancellationToken);
        if (changed > 0)
        {
            await KeepBooksAsync("capture install", actor, "", fence, forced: false, changed);
        }

        return changed;
    }

    /// <summary>Removes all of it. In a dual stage other programs' writes are lost from then on, so there it has to be forced, with a reason.</summary>
    /// <exception cref="CaptureException">Refused, or not possible.</exception>
    public async Task<int> RemoveAsync(
        string actor, string reason, bool force, TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken)
    {
        var fence = await runtime.Sides.Legacy.Fence.ReadAsync(cancellationToken);
        var isDual = Stages.IsDual(fence.Stage);
        if (isDual && !runtime.Options.ForeignWritersNone && !force)
        {
            throw new CaptureException(
                runtime.Context,
                $"{runtime.Context} is in {fence.Stage}: without capture, what other programs write would not reach the new side. "
                + "Go back to LegacyOnly first, or insist with --force and a --reason.");
        }

        if (force && string.IsNullOrWhiteSpace(reason))
        {
            throw new CaptureException(runtime.Context, "A forced removal needs a reason: --reason \"…\".");
        }

        var changed = await Capture.RemoveAsync(patience, progress, cancellationToken);
        if (changed > 0)
        {
            await KeepBooksAsync("capture remove", actor, reason, fence, force && isDual, changed);
        }

        return changed;
    }

    // It has happened: whoever cancels now must not leave it unwritten.
    private async Task KeepBooksAsync(string action, string actor, string reason, FenceRow fence, bool forced, int triggers)
    {
        if (Stages.IsDual(fence.Stage))
        {
            await runtime.Sides.Reconciliations.DisturbAsync(action, CancellationToken.None);
        }

        await runtime.Sides.Legacy.Audit.AppendAsync(
            new AuditEntry(default, actor, action, "", "", fence.Epoch, forced, reason, $"{triggers} triggers"), CancellationToken.None);
    }
}

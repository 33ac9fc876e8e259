using Strangler.DualWrite;

namespace Strangler.Hooks;

/// <summary>
/// Called whenever a process reaches a <see cref="HookPoint"/>, with the side that the step is about. It may return at once, wait, end the
/// process, or throw what a store would throw at that place: <see cref="SideUnavailableException"/>, or
/// <see cref="CommitOutcomeUnknownException"/> around a COMMIT. Calls come side by side. For tests; only code can set one
/// (<see cref="ContextRuntime.Hook"/>), no setting and no variable.
/// </summary>
public delegate ValueTask Hook(HookPoint point, SideName side);

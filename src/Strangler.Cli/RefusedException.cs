namespace Strangler.Cli;

/// <summary>The one who asks has no right to it; exit code 4.</summary>
internal sealed class RefusedException(string message) : Exception(message);

namespace Strangler.Cli;

/// <summary>What a command's end says; scripts may rely on it.</summary>
internal static class ExitCodes
{
    /// <summary>Done; for a check: nothing found.</summary>
    public const int Ok = 0;

    /// <summary>A check found something: drift, a broken law, a broken mapping file.</summary>
    public const int Found = 1;

    /// <summary>It could not run: bad input, unreachable server, missing migration.</summary>
    public const int CouldNotRun = 2;

    /// <summary>A check came to no verdict: keys were still in flight.</summary>
    public const int Inconclusive = 3;

    /// <summary>A gate refused the step, or the user has no right to it.</summary>
    public const int Refused = 4;

    /// <summary>Ended by Ctrl-C; can be resumed.</summary>
    public const int Interrupted = 130;
}

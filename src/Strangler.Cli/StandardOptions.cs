using System.CommandLine;

namespace Strangler.Cli;

/// <summary>Options that every verb understands.</summary>
internal sealed class StandardOptions
{
    public Option<string?> Config { get; } = new("--config", "-c")
    {
        Description = "The configuration file [default: $STRANGLER_CONFIG, else ./strangler.json, else the environment alone]",
        Recursive = true,
    };

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Print the result as one JSON document; progress goes to the error stream",
        Recursive = true,
    };

    public Option<bool> Verbose { get; } = new("--verbose", "-v")
    {
        Description = "Log what happens, and show an error with its whole cause",
        Recursive = true,
    };

    public void AddTo(Command root)
    {
        root.Options.Add(Config);
        root.Options.Add(Json);
        root.Options.Add(Verbose);
    }

    /// <summary>The context that a verb works on.</summary>
    public static Argument<string> Context() => new("context") { Description = "The context, e.g. donations" };
}

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

    /// <summary><c>--limit</c>: 1 to 100,000.</summary>
    public static Option<int> Limit(string description, int usual)
    {
        var limit = new Option<int>("--limit") { Description = $"{description}, 1 to 100,000", DefaultValueFactory = _ => usual };
        limit.Validators.Add(result =>
        {
            // What is no number at all is the parser's to say.
            if (result.Tokens.Count > 0 && int.TryParse(result.Tokens[0].Value, out var value) && value is < 1 or > 100_000)
            {
                result.AddError($"--limit is {value}; it must lie between 1 and 100,000.");
            }
        });
        return limit;
    }

    /// <summary>Throws when a given public id cannot be one.</summary>
    public static void CheckId(long? id)
    {
        if (id is <= 0)
        {
            throw new ArgumentException($"The id is {id}; ids begin at 1.");
        }
    }

    /// <summary>The context that a verb works on.</summary>
    public static Argument<string> Context() => new("context") { Description = "The context, e.g. donations" };
}

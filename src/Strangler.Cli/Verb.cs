using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Strangler.Cli;

/// <summary>A command whose text has a first paragraph for lists and more (details, examples) for its own help.</summary>
internal sealed class Verb : Command
{
    public Verb(string name, string text)
        : base(name, text.Split("\n\n", 2)[0].ReplaceLineEndings(" ")) =>
        More = text.Split("\n\n", 2) is [_, var more] ? more : "";

    public string More { get; }

    /// <summary>Makes the help of all verbs below show their own details behind the generated part.</summary>
    public static void ShowDetails(RootCommand root)
    {
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new DetailedHelp((SynchronousCommandLineAction)help.Action!);
    }

    private sealed class DetailedHelp(SynchronousCommandLineAction generated) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var code = generated.Invoke(parseResult);
            if (parseResult.CommandResult.Command is Verb { More.Length: > 0 } verb)
            {
                parseResult.InvocationConfiguration.Output.WriteLine(verb.More.TrimEnd());
            }

            return code;
        }
    }
}

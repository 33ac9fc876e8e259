namespace Strangler.DualWrite;

/// <summary>An operation met a stage in which it has no meaning, at its start or, after a flip, in its middle. Nothing was written in that
/// step.</summary>
public sealed class WrongStageException(string context, string operation, Stage stage, string needed)
    : Exception($"{operation} needs {needed}; {context} is in {stage}."
        + (stage == Stage.LegacyOnly ? $" First: strangler cutover advance {context}" : ""))
{
    public string Context { get; } = context;

    public Stage Stage { get; } = stage;
}

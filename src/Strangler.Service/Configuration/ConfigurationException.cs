namespace Strangler.Service.Configuration;

/// <summary>The configuration cannot be used. Holds every error, each naming the setting and its present value (secrets excepted).</summary>
public sealed class ConfigurationException(IReadOnlyList<string> errors)
    : Exception(errors.Count == 1 ? errors[0] : $"{errors.Count} errors in the configuration:{Environment.NewLine}  {string.Join($"{Environment.NewLine}  ", errors)}")
{
    public IReadOnlyList<string> Errors { get; } = errors;
}

namespace Strangler.Mapping.Converters;

/// <summary>
/// What columns, paths, formats and code lists cannot say, in code. The same laws hold as for the whole lens: what was read and not
/// changed is never written, and what was written reads back the same (the lens checks both).
/// One instance serves many threads.
/// </summary>
public abstract class LegacyConverter
{
    /// <summary>How it reads and writes, in sentences: part of <c>strangler mapping explain</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Fills in its fields, in the order in which the mapping file lists them. A value that legacy cannot tell is <see
    /// cref="Hidden"/>.</summary>
    /// <exception cref="UnreadableException">What stands there has no meaning.</exception>
    public abstract void Read(LegacyCursor row, Span<object?> values);

    /// <summary>
    /// Makes the row show these values. Called only when it shows others, after all plain fields have been written, and
    /// never with hidden values: those are given as what was derived for them.
    /// </summary>
    /// <exception cref="CannotHoldException">Legacy cannot show them; names the field.</exception>
    public abstract void Write(LegacyCursor row, ReadOnlySpan<object?> values);
}

/// <summary>A place that a converter asks for in the mapping file.</summary>
/// <param name="Role">Its name there.</param>
/// <param name="Written">Whether the converter writes it: then nobody else may.</param>
/// <param name="Many">Whether any number of places may have that role.</param>
public sealed record ConverterPlace(string Role, bool Written, bool Many = false)
{
    /// <summary>Whether an installation may lack it: then <see cref="ConverterBinding.Places"/> has none of that role.</summary>
    public bool Optional { get; init; }
}

/// <summary>What the mapping file must give to a converter.</summary>
/// <param name="Fields">The types of its fields, in order.</param>
/// <param name="Places">The places it works on.</param>
/// <param name="Parameters">Names of its parameters; each must be given.</param>
public sealed record ConverterShape(
    IReadOnlyList<FieldType> Fields, IReadOnlyList<ConverterPlace> Places, IReadOnlyList<string> Parameters);

/// <summary>What the mapping file gave.</summary>
public sealed class ConverterBinding
{
    private readonly ILookup<string, LegacyPlace> _places;
    private readonly IReadOnlyDictionary<string, string> _parameters;

    private readonly IReadOnlyList<(string Legacy, string English)>[] _codes;

    internal ConverterBinding(
        IReadOnlyList<string> fields, ILookup<string, LegacyPlace> places, IReadOnlyDictionary<string, string> parameters,
        IReadOnlyList<(string Legacy, string English)>[] codes)
    {
        Fields = fields;
        _codes = codes;
        _places = places;
        _parameters = parameters;
    }

    /// <summary>The names of its fields, in order: for <see cref="CannotHoldException"/>.</summary>
    public IReadOnlyList<string> Fields { get; }

    public LegacyPlace Place(string role) => _places[role].Single();

    public IReadOnlyList<LegacyPlace> Places(string role) => [.. _places[role]];

    public string Parameter(string name) => _parameters[name];

    /// <summary>The code list of one of its fields; empty for a field that is no code.</summary>
    public IReadOnlyList<(string Legacy, string English)> Codes(int field) => _codes[field];
}

/// <summary>The converters and derivations that a mapping file may name: the engine's own, and those that a context adds.</summary>
public sealed class ConverterRegistry
{
    private readonly Dictionary<string, Entry> _converters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (DerivationShape Shape, ItemDerivation Derivation)> _derivations = new(StringComparer.Ordinal);

    public ConverterRegistry() =>
        Add("split-at-first", SplitConverter.Shape, static binding => new SplitConverter(binding))
            .Add("marked-time", MarkedTimeConverter.Shape, static binding => new MarkedTimeConverter(binding))
            .Add("code-or-null", CodeOrNullConverter.Shape, static binding => new CodeOrNullConverter(binding))
            .Add("text-or-null", TextOrNullConverter.Shape, static binding => new TextOrNullConverter(binding))
            .Add("date-in-text", DateInTextConverter.Shape, static binding => new DateInTextConverter(binding))
            .Add("optional-flag", OptionalFlagConverter.Shape, static binding => new OptionalFlagConverter(binding));

    /// <summary>In the order of the alphabet.</summary>
    public IReadOnlyList<string> Names => [.. _converters.Keys.Order(StringComparer.Ordinal)];

    /// <exception cref="ArgumentException">There is one of that name.</exception>
    public ConverterRegistry Add(string name, ConverterShape shape, Func<ConverterBinding, LegacyConverter> create)
    {
        _converters.Add(name, new Entry(shape, create));
        return this;
    }

    /// <summary>A derivation of items, which needs nothing of the mapping file.</summary>
    /// <exception cref="ArgumentException">There is one of that name.</exception>
    public ConverterRegistry AddDerivation(string name, DerivationShape shape, ItemDerivation derivation)
    {
        _derivations.Add(name, (shape, derivation));
        return this;
    }

    /// <summary>In the order of the alphabet.</summary>
    internal IReadOnlyList<string> DerivationNames => [.. _derivations.Keys.Order(StringComparer.Ordinal)];

    internal (DerivationShape Shape, ItemDerivation Derivation)? DerivationOf(string name) =>
        _derivations.TryGetValue(name, out var found) ? found : null;

    internal ConverterShape? ShapeOf(string name) => _converters.TryGetValue(name, out var found) ? found.Shape : null;

    internal LegacyConverter Create(string name, ConverterBinding binding) => _converters[name].Create(binding);

    private sealed record Entry(ConverterShape Shape, Func<ConverterBinding, LegacyConverter> Create);
}

/// <summary>Two texts that legacy keeps as one, joined by a separator: <c>campaign/keyword</c>.</summary>
internal sealed class SplitConverter(ConverterBinding binding) : LegacyConverter
{
    public static readonly ConverterShape Shape =
        new([FieldType.Text, FieldType.Text], [new ConverterPlace("text", Written: true)], ["separator"]);

    private readonly LegacyPlace _place = binding.Place("text");
    private readonly string _separator = binding.Parameter("separator");

    public override string Description =>
        $"{_place} is split at its first '{_separator}': {binding.Fields[0]} before it, {binding.Fields[1]} behind it. Without the "
        + $"separator all of it is {binding.Fields[0]}. Written with the separator only if there is something behind it.";

    public override void Read(LegacyCursor row, Span<object?> values)
    {
        var text = _place.Text(row);
        var at = text.IndexOf(_separator, StringComparison.Ordinal);
        values[0] = at < 0 ? text : text[..at];
        values[1] = at < 0 ? "" : text[(at + _separator.Length)..];
    }

    public override void Write(LegacyCursor row, ReadOnlySpan<object?> values)
    {
        var (first, second) = ((string)values[0]!, (string)values[1]!);
        if (first.Contains(_separator, StringComparison.Ordinal))
        {
            throw new CannotHoldException(binding.Fields[0], $"legacy takes what follows a '{_separator}' for {binding.Fields[1]}");
        }

        var culprit = second.Length == 0 && first.Length > 0 ? binding.Fields[0] : binding.Fields[1];
        _place.SetText(row, culprit, second.Length == 0 ? first : first + _separator + second);
    }
}

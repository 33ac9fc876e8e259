using System.Globalization;

namespace Strangler.LegacyData;

/// <summary>SplitMix64: chance that is the same on every machine and in every version of .NET.</summary>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    public int Next(int below) => (int)(NextBits() % (ulong)below);

    public int Between(int low, int high) => low + Next(high - low + 1);

    public bool Chance(int percent) => Next(100) < percent;

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(from.Count)];

    public string Hex(int length) => Text(length, "0123456789abcdef");

    public string Digits(int length) => Text(length, "0123456789");

    public string CapitalsAndDigits(int length) => Text(length, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

    public string Capitals(int length) => Text(length, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    public string Text(int length, string alphabet) =>
        string.Create(length, (this, alphabet), static (target, state) =>
        {
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = state.alphabet[state.Item1.Next(state.alphabet.Length)];
            }
        });

    public string Money(int lowCents, int highCents) =>
        (Between(lowCents, highCents) / 100m).ToString("0.00", CultureInfo.InvariantCulture);

    private ulong NextBits()
    {
        _state += 0x9E3779B97F4A7C15;
        var bits = _state;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }
}

using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Tests.Doubles;

/// <summary>Writers that keep book of what they were told, so that it can be compared with what is there.</summary>
internal sealed class Hammer
{
    private readonly Dictionary<long, long> _acknowledged = [];
    private readonly List<(string Name, long Id)> _created = [];
    private readonly List<string> _refused = [];

    public int Writes { get; private set; }

    public int Refused => _refused.Count;

    /// <summary>Adds one, however often others come in between.</summary>
    public static async Task IncrementAsync(TestProcess process, long id)
    {
        while (true)
        {
            try
            {
                var note = await process.FindAsync(id);
                note.Amount++;
                await process.Notes.StoreAsync(note, default);
                return;
            }
            catch (ConflictException)
            {
            }
        }
    }

    /// <summary>Writes until told to stop: increments of shared entities, creates, deletes of own creates.</summary>
    public async Task RunAsync(TestProcess process, int seed, IReadOnlyList<long> shared, CancellationToken stop)
    {
        var random = new Random(seed);
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            if (random.Next(3) > 0)
            {
                await TryIncrementAsync(process, shared[random.Next(shared.Count)]);
            }
            else
            {
                await TryCreateAsync(process, $"{seed}/{i}");
            }

            Writes++;
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(20)), process.Memory.Time, CancellationToken.None);
        }
    }

    /// <summary>Everything acknowledged is there once, nothing refused is.</summary>
    public void AssertKept(TestProcess process, SideName lead)
    {
        foreach (var (id, amount) in _acknowledged)
        {
            Assert.That(On(process, lead, id)?.Integer("amount"), Is.EqualTo(amount), $"increments of {id}");
        }

        foreach (var (name, id) in _created)
        {
            Assert.That(On(process, lead, id)?.Text("name"), Is.EqualTo(name));
        }

        var present = process.Memory.Of(lead).Ids(TestLens.Kind).Select(id => On(process, lead, id)?.Text("name")).ToList();
        Assert.That(present.Intersect(_refused), Is.Empty, "refused, but there");
        Assert.That(present, Is.Unique);
    }

    private static Record? On(TestProcess process, SideName side, long id) =>
        side == SideName.Legacy ? process.Legacy(id) : process.New(id);

    private async Task TryIncrementAsync(TestProcess process, long id)
    {
        try
        {
            var note = await process.FindAsync(id);
            note.Amount++;
            await process.Notes.StoreAsync(note, default);
            _acknowledged[id] = _acknowledged.GetValueOrDefault(id) + 1;
        }
        catch (Exception exception) when (exception is ConflictException or SwitchingException)
        {
        }
    }

    private async Task TryCreateAsync(TestProcess process, string name)
    {
        try
        {
            _created.Add((name, (await process.AddAsync(name, requestKey: name)).Id));
        }
        catch (Exception exception) when (exception is ConflictException or SwitchingException or IdsExhaustedException)
        {
            _refused.Add(name);
        }
    }
}

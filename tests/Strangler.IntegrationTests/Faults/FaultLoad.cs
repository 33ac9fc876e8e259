using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>How an operation ended for its caller.</summary>
internal enum Told
{
    Acknowledged,
    Refused,
    Unknown,
}

/// <summary>One call as its caller saw it.</summary>
internal sealed record Call(long Began, TimeSpan Took, Told Told, Exception? Error);

/// <summary>
/// Writers that create, change and delete donations through wrappers, and keep in a ledger outside of both databases what they were told.
/// Each has donations of its own; a few are shared, so that writers meet each other's changes. A create of unknown outcome that has a
/// request key is repeated with it in the end, as a frontend would. Disposing stops the writers, also where a test fails halfway.
/// </summary>
internal sealed class FaultLoad : IAsyncDisposable
{
    private const int MostChanges = 12;
    private const int MostSharedChanges = 150;
    private static readonly TimeSpan PauseAfterRefusal = TimeSpan.FromMilliseconds(2);
    private const int SharedDonations = 2;

    private readonly ConcurrentQueue<Call> _calls = new();
    private readonly ConcurrentQueue<string> _oddities = new();
    private readonly ConcurrentQueue<(string Marker, string RequestKey)> _open = new();
    private readonly ConcurrentBag<long> _shared = [];
    private readonly IReadOnlyList<Replica> _replicas;
    private readonly List<Task> _writers;
    private readonly TimeSpan _breath;
    private volatile bool _stops;
    private long _acknowledged;
    private long _refused;

    private FaultLoad(IReadOnlyList<Replica> replicas, int writers, int seed, TimeSpan breath = default)
    {
        (_replicas, _breath) = (replicas, breath);
        _writers = [.. Enumerable.Range(0, writers).Select(
            number => Task.Run(() => WriteAsync(replicas[number % replicas.Count].Donations, number, new Random((seed * 100) + number))))];
    }

    public Ledger Ledger { get; } = new();

    public Replica Replica => _replicas[0];

    public IReadOnlyCollection<Call> Calls => _calls;

    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    public long Refused => Interlocked.Read(ref _refused);

    public long Unknown => _calls.Count(call => call.Told == Told.Unknown);

    public static FaultLoad Start(int writers, params IReadOnlyList<Replica> replicas) => new(replicas, writers, Random.Shared.Next(10_000));

    /// <summary>Writers that take a breath between two writes: the load is there, and leaves the processes under test their time.</summary>
    public static FaultLoad StartGently(int writers, TimeSpan breath, params IReadOnlyList<Replica> replicas) =>
        new(replicas, writers, Random.Shared.Next(10_000), breath);

    /// <summary>Returns once so many more writes have been acknowledged.</summary>
    public Task UntilAcknowledgedAsync(int more)
    {
        var target = Acknowledged + more;
        return FaultWorld.UntilAsync($"{more} more writes acknowledged", () => Acknowledged >= target);
    }

    public Task UntilRefusedAsync(int more)
    {
        var target = Refused + more;
        return FaultWorld.UntilAsync($"{more} more writes refused", () => Refused >= target);
    }

    /// <summary>The longest call that was under way at or after a moment, of one outcome.</summary>
    public TimeSpan Longest(Told told, long since) =>
        _calls.Where(call => call.Told == told && call.Began + (call.Took.TotalSeconds * Stopwatch.Frequency) >= since)
            .Select(call => call.Took).DefaultIfEmpty().Max();

    /// <summary>Stops the writers; then creates of unknown outcome are asked for again, and nobody may have been told anything unclear.</summary>
    public async Task EndAsync()
    {
        await StopAsync();
        while (_open.TryDequeue(out var open))
        {
            var donation = New(open.Marker);
            await _replicas[0].Donations.StoreAsync(donation, CancellationToken.None, open.RequestKey);
            Ledger.Create(open.Marker, Told.Acknowledged, donation);
        }

        Assert.That(_oddities, Is.Empty, "every refusal is clear and retryable, and no read is older than what was acknowledged");
    }

    public async Task StopAsync()
    {
        _stops = true;
        await Task.WhenAll(_writers);
    }

    public ValueTask DisposeAsync() => new(StopAsync());

    private async Task WriteAsync(DonationRepositoryWrapper donations, int number, Random random)
    {
        var mine = new List<long>();
        for (var i = 0; !_stops; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"w{number}.{i}");
            if (_breath > TimeSpan.Zero)
            {
                await Task.Delay(_breath);
            }

            switch (random.Next(20))
            {
                case < 6:
                    await CreateAsync(donations, name, mine, random.Next(10) < 7);
                    break;
                case 6 when mine.Count > 3:
                    await DeleteAsync(donations, mine[random.Next(mine.Count)], mine);
                    break;
                case < 9 when !_shared.IsEmpty:
                    await ChangeAsync(donations, name, _shared.ElementAt(random.Next(_shared.Count)), null);
                    break;
                default:
                    await (mine.Count == 0 ? CreateAsync(donations, name, mine, true) : ChangeAsync(donations, name, mine[random.Next(mine.Count)], mine));
                    break;
            }
        }
    }

    private async Task CreateAsync(DonationRepositoryWrapper donations, string marker, List<long> mine, bool withKey)
    {
        var donation = New(marker);
        var requestKey = withKey ? $"{marker}-{Guid.NewGuid():N}" : null;
        var told = await CallAsync(() => donations.StoreAsync(donation, CancellationToken.None, requestKey));
        Ledger.Create(marker, told, donation);
        if (told == Told.Unknown && requestKey is not null)
        {
            _open.Enqueue((marker, requestKey));
        }

        if (told == Told.Acknowledged)
        {
            mine.Add(donation.Id);
            if (_shared.Count < SharedDonations)
            {
                _shared.Add(donation.Id);
                mine.Remove(donation.Id);
            }
        }
    }

    private async Task ChangeAsync(DonationRepositoryWrapper donations, string change, long id, List<long>? mine)
    {
        if (await FindAsync(donations, id) is not { } donation)
        {
            return;
        }

        if (mine is not null && Ledger.Stale(donation) is { } missing)
        {
            _oddities.Enqueue($"donation {id} was read without {missing}");
        }

        if (donation.Log.Count >= (mine is null ? MostSharedChanges : MostChanges))
        {
            mine?.Remove(id);
            return;
        }

        donation.AddLog(donation.CreatedAt, change);
        donation.ChangeAmount(Random.Shared.Next(100, 100_000));
        var told = await CallAsync(() => donations.StoreAsync(donation, CancellationToken.None));
        EntityVersion? version = told == Told.Acknowledged ? donations.TokenOf(donation)!.Version : null;
        Ledger.Change(id, change, new Change(told, version, donation.AmountInCents));
        if (told == Told.Unknown)
        {
            // What it looks like now is not known.
            mine?.Remove(id);
        }
    }

    private async Task DeleteAsync(DonationRepositoryWrapper donations, long id, List<long> mine)
    {
        mine.Remove(id);
        var began = Ledger.NowUtc;
        Ledger.Delete(id, await CallAsync(() => donations.DeleteAsync(id, CancellationToken.None)), began);
    }

    private async Task<Donation?> FindAsync(DonationRepositoryWrapper donations, long id)
    {
        try
        {
            var donation = await donations.FindAsync(id, CancellationToken.None);
            if (donation is null)
            {
                _oddities.Enqueue($"donation {id} has disappeared");
            }

            return donation;
        }
        catch (Exception exception)
        {
            await NoteAsync(exception);
            return null;
        }
    }

    private async Task<Told> CallAsync(Func<Task> write)
    {
        var began = Stopwatch.GetTimestamp();
        Exception? error = null;
        var told = Told.Acknowledged;
        try
        {
            await write();
            Interlocked.Increment(ref _acknowledged);
        }
        catch (CommitOutcomeUnknownException exception)
        {
            (told, error) = (Told.Unknown, exception);
        }
        catch (Exception exception)
        {
            (told, error) = (Told.Refused, exception);
            Interlocked.Increment(ref _refused);
            await NoteAsync(exception);
        }

        _calls.Enqueue(new Call(began, Stopwatch.GetElapsedTime(began), told, error));
        return told;
    }

    // A caller that is refused at once does not ask again without a breath.
    private async Task NoteAsync(Exception exception)
    {
        if (exception is not (SwitchingException or ConflictException or SideUnavailableException { IsTransient: true }))
        {
            _oddities.Enqueue(exception.ToString());
        }

        await Task.Delay(PauseAfterRefusal);
    }

    public static Donation New(string marker)
    {
        var donation = new Donation(
            0,
            new DateTime(2022, 6, 1, 10, 0, 0),
            4711,
            0,
            new PersonDonor(
                new PersonName("Frau", "", "Erika", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), $"{marker}@example.org"),
            new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        donation.AddLog(donation.CreatedAt, "created");
        return donation;
    }
}

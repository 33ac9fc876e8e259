using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.Cli.Demo;

/// <summary>Counts of one frontend's run.</summary>
internal sealed class FrontendCounts
{
    private long _reads;
    private long _writes;
    private long _refused;
    private long _retried;

    public long Reads => Interlocked.Read(ref _reads);

    public long Writes => Interlocked.Read(ref _writes);

    public long Refused => Interlocked.Read(ref _refused);

    public long Retried => Interlocked.Read(ref _retried);

    public void Read() => Interlocked.Increment(ref _reads);

    public void Written() => Interlocked.Increment(ref _writes);

    public void Refuse() => Interlocked.Increment(ref _refused);

    public void Retry() => Interlocked.Increment(ref _retried);
}

/// <summary>
/// A donation frontend: creates, changes, cancels and reads through the wrapper and remembers what was acknowledged. Each worker has donations of its own,
/// so that the last acknowledged state of each is known.
/// </summary>
internal sealed class FrontendLoad(
    DonationRepositoryWrapper donations, AcknowledgementWriter memory, FrontendCounts counts, TimeProvider time, int workers, double operationsPerSecond)
{
    private const int MostAttempts = 20;

    /// <summary>Runs until the token fires; a write under way is brought to its end.</summary>
    /// <param name="existing">Ids of donations that this frontend may change; dealt out among the workers.</param>
    /// <param name="seed">Of the random choices.</param>
    /// <param name="stop">Ends the load.</param>
    public Task RunAsync(IReadOnlyList<long> existing, int seed, CancellationToken stop) => Task.WhenAll(
        Enumerable.Range(0, workers).Select(worker => Task.Run(
            () => WorkAsync(worker, [.. existing.Where((_, index) => index % workers == worker)], new Random(seed + worker), stop), CancellationToken.None)));

    private async Task WorkAsync(int worker, List<long> mine, Random random, CancellationToken stop)
    {
        var pause = TimeSpan.FromSeconds(workers / operationsPerSecond);
        for (var number = 0; !stop.IsCancellationRequested; number++)
        {
            var began = time.GetTimestamp();
            var operation = $"{worker}.{number}";
            await (random.Next(10) switch
            {
                < 3 => CreateAsync($"create-{operation}", mine, random),
                < 6 when mine.Count > 0 => ChangeAsync($"change-{operation}", Pick(mine, random), random),
                6 when mine.Count > 0 => CancelAsync($"cancel-{operation}", Pick(mine, random)),
                _ when mine.Count > 0 => ReadAsync(Pick(mine, random)),
                _ => Task.CompletedTask,
            }).ConfigureAwait(false);
            var rest = pause - time.GetElapsedTime(began);
            if (rest > TimeSpan.Zero)
            {
                await Task.Delay(rest, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task CreateAsync(string operation, List<long> mine, Random random)
    {
        var donation = New(random);
        donation.AddLog(Now, "created by the frontend");
        var requestKey = $"{Environment.ProcessId}-{operation}-{Guid.NewGuid():N}";
        if (await WriteAsync(operation, () => donation, fresh => donations.StoreAsync(fresh, CancellationToken.None, requestKey)).ConfigureAwait(false))
        {
            mine.Add(donation.Id);
        }
    }

    private Task<bool> ChangeAsync(string operation, long id, Random random) => UpdateAsync(operation, id, donation =>
    {
        donation.ChangeAmount(random.Next(100, 100_000));
        donation.SubscribeNewsletter(random.Next(2) == 0);
        donation.AddLog(Now, "changed by the frontend");
    });

    private Task<bool> CancelAsync(string operation, long id) => UpdateAsync(operation, id, donation =>
    {
        donation.Cancel();
        donation.AddLog(Now, "frontend: storno");
    });

    // A refused or conflicting write begins again with a fresh load, as a frontend would.
    private async Task<bool> UpdateAsync(string operation, long id, Action<Donation> change)
    {
        for (var attempt = 1; ; attempt++)
        {
            Donation? donation = null;
            try
            {
                donation = await donations.FindAsync(id, CancellationToken.None).ConfigureAwait(false);
                if (donation is null)
                {
                    throw new InvalidOperationException($"Donation {id} has disappeared.");
                }

                if (donation.Log.Count >= 20)
                {
                    return false;
                }

                change(donation);
                var loaded = donation;
                return await WriteAsync(
                    $"{operation}.{attempt}", () => loaded, changed => donations.StoreAsync(changed, CancellationToken.None), retry: false).ConfigureAwait(false);
            }
            catch (Exception exception) when (attempt < MostAttempts && exception is ConflictException or SwitchingException)
            {
                counts.Retry();
            }
            catch (Exception exception) when (exception is QuarantinedException or Mapping.UnreadableException or Mapping.CannotHoldException)
            {
                counts.Refuse();
                return false;
            }
        }
    }

    private async Task ReadAsync(long id)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await donations.FindAsync(id, CancellationToken.None).ConfigureAwait(false);
                counts.Read();
                return;
            }
            catch (SwitchingException) when (attempt < MostAttempts)
            {
                counts.Retry();
            }
            catch (Exception exception) when (exception is QuarantinedException or Mapping.UnreadableException)
            {
                counts.Refuse();
                return;
            }
        }
    }

    private async Task<bool> WriteAsync(string operation, Func<Donation> donation, Func<Donation, Task> store, bool retry = true)
    {
        for (var attempt = 1; ; attempt++)
        {
            memory.Try(operation);
            try
            {
                var entity = donation();
                await store(entity).ConfigureAwait(false);
                memory.Acknowledge(operation, new Acknowledged(entity.Id, entity.AmountInCents, entity.IsCancelled, entity.Log.Count));
                counts.Written();
                return true;
            }
            catch (SwitchingException) when (retry && attempt < MostAttempts)
            {
                memory.Refuse(operation, nameof(SwitchingException));
                counts.Retry();
            }
            catch (Exception exception) when (exception is ConflictException or SwitchingException or Mapping.CannotHoldException or IdsExhaustedException)
            {
                memory.Refuse(operation, exception.GetType().Name);
                if (exception is not (ConflictException or SwitchingException))
                {
                    counts.Refuse();
                    return false;
                }

                throw;
            }
        }
    }

    private Donation New(Random random)
    {
        var number = random.Next(1_000_000);
        var person = new PersonDonor(
            new PersonName("Frau", "", "Erika", $"Muster{number}"),
            new Address($"Erlenkamp {number % 200}", "12345", "Smalltown", "DE"),
            $"erika{number}@example.org");
        Payment payment = random.Next(4) switch
        {
            0 => new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")),
            1 => new BankTransferPayment($"XW-{number % 1000:000}-{number / 1000:000}-A"),
            2 => new PayPalPayment((PayPalBooking?)null),
            _ => new CreditCardPayment((CreditCardBooking?)null),
        };
        var donation = new Donation(0, Now, random.Next(100, 50_000), 0, person, payment);
        donation.Track(new Tracking("frontend", "demo", 3, 1));
        if (random.Next(3) == 0)
        {
            donation.WriteComment(new Comment("For a world with free knowledge", "Erika", IsPublic: true));
        }

        return donation;
    }

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    private static long Pick(List<long> ids, Random random) => ids[random.Next(ids.Count)];
}

using System.Globalization;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>
/// A caller outside of all processes: reads and writes through whichever lives, keeps what it was told, and tries again where it was told nothing.
/// </summary>
internal sealed class Client(World world, int number)
{
    /// <summary>Every personal text begins like this, and each is used once.</summary>
    public const string Personal = "pii-";

    private readonly TestConverter _converter = new();
    private readonly Random _random = world.Random;
    private int _writes;

    public List<ClientWrite> Writes { get; } = [];

    public async Task RunAsync(List<long> ids, int writes)
    {
        while (writes-- > 0)
        {
            await world.DelayAsync(_random.Next(8) == 0 ? _random.Next(6_000) : _random.Next(250));
            var id = ids[_random.Next(ids.Count)];
            switch (_random.Next(20))
            {
                case < 4:
                    await CreateAsync(ids);
                    break;
                case < 6:
                    await DeleteAsync(id);
                    break;
                case < 8:
                    await ReadAsync(TestProcess.Key(id));
                    break;
                default:
                    await UpdateAsync(id);
                    break;
            }
        }
    }

    /// <summary>One update of an entity, or its rebirth; the last act of a schedule shows that writing is possible again.</summary>
    public async Task<Told> UpdateAsync(long id)
    {
        var key = TestProcess.Key(id);
        if (await ReadAsync(key) is not var (record, token))
        {
            return Told.Nothing;
        }

        if (_random.Next(4) == 0)
        {
            await world.DelayAsync(_random.Next(5_000));
        }

        if (record is null)
        {
            return await SubmitAsync(Write("again", key), Born(id), isNew: true, null);
        }

        var anonymize = _random.Next(6) == 0;
        var write = Write(anonymize ? "anonymize" : "update", key);
        return await SubmitAsync(write, Change(_converter.ToEntity(id, record), write, anonymize), isNew: false, token, record);
    }

    private async Task CreateAsync(List<long> ids)
    {
        var write = Write("create", TestProcess.Key(0));
        await SubmitAsync(write, Born(0), isNew: true, null);
        if (write is { Told: Told.Done, Key.Id: > 0 })
        {
            ids.Add(write.Key.Id);
        }
    }

    private async Task DeleteAsync(long id)
    {
        var write = Write("delete", TestProcess.Key(id));
        var floor = world.Ledger.StatesOf(write.Key);
        await SubmitAsync(write, new WriteCommand
        {
            Key = write.Key,
            RequestKey = RequestKey(write),
            Write = async (lead, transaction, key, ct) =>
            {
                ((ITagged)transaction).Tag = new WriteTag(write, key);
                return (key.Id, await lead.PutAsync(transaction, key, null, ct));
            },
        });
        if (write.Told == Told.Done)
        {
            world.Ledger.CheckNothing(write, floor);
        }
    }

    private async Task<(Record? Record, LoadToken Token)?> ReadAsync(EntityKey key)
    {
        var floor = world.Ledger.StatesOf(key);
        var process = world.Any();
        try
        {
            var reading = process.Writer.ReadAsync(key, default);
            if (!await process.TryAsync(reading))
            {
                return null;
            }

            var (record, token) = await reading;
            world.Ledger.CheckRead(key, record, floor, $"client {number}");
            return (record, token);
        }
        catch (Exception exception)
        {
            Expect(exception);
            return null;
        }
    }

    private Task<Told> SubmitAsync(ClientWrite write, TestEntity entity, bool isNew, LoadToken? token, Record? seen = null) => SubmitAsync(write, new WriteCommand
    {
        Key = write.Key,
        Loaded = token,
        RequestKey = RequestKey(write),
        Actor = write.Name,
        Write = async (lead, transaction, key, ct) =>
        {
            if (isNew && transaction.State.Row is not null)
            {
                throw new ConflictException(key, "nothing", "something");
            }

            var (id, record, wanted) = await ((SideRepository<TestEntity>)lead).StoreAsync(transaction, entity, key, ct);
            ((ITagged)transaction).Tag = new WriteTag(write, key with { Id = id }) { Wanted = wanted, Seen = seen };
            return new LeadResult(id, record, world.WishesAreForgotten ? null : wanted);
        },
    });

    // Tried again, elsewhere, only where a request key makes that harmless; now and then sent twice at once.
    private async Task<Told> SubmitAsync(ClientWrite write, WriteCommand command)
    {
        var told = Told.Unknown;
        for (var attempt = 1; told == Told.Unknown && attempt <= (command.RequestKey is null ? 1 : 3); attempt++)
        {
            var isDoubled = command.RequestKey is not null && attempt == 1 && _random.Next(6) == 0;
            Task<Told>[] tries = isDoubled ? [TryAsync(write, command), TryAsync(write, command)] : [TryAsync(write, command)];
            var both = await Task.WhenAll(tries);
            told = both.Contains(Told.Done) ? Told.Done
                : attempt == 1 && both.All(one => one == Told.Refused) ? Told.Refused
                : Told.Unknown;
        }

        world.Ledger.Tell(write, told, "in the end");
        return told;
    }

    private async Task<Told> TryAsync(ClientWrite write, WriteCommand command)
    {
        var process = world.Any();
        world.Trace?.Say($"< {write} goes to {process.Memory.Name}");
        using var patience = new CancellationTokenSource();
        await using var impatience = world.Chaos.Over || _random.Next(20) > 0 ? null : world.Time.CreateTimer(
            _ => patience.Cancel(), null, TimeSpan.FromMilliseconds(_random.Next(1, 3_000)), Timeout.InfiniteTimeSpan);
        try
        {
            var writing = process.Writer.WriteAsync(command, patience.Token);
            if (!await process.TryAsync(writing))
            {
                return Told.Unknown;
            }

            Know(write, (await writing).Id);
            return Told.Done;
        }
        catch (CommitOutcomeUnknownException)
        {
            return Told.Unknown;
        }
        catch (Exception exception)
        {
            Expect(exception);
            world.Trace?.Say($"> {write} meets {exception.GetType().Name}: {exception.Message}");
            return Told.Refused;
        }
    }

    private void Know(ClientWrite write, long id)
    {
        if (write.Key.Id != 0 && write.Key.Id != id)
        {
            world.Ledger.Report($"I4: {write} is told the id {id}");
        }

        write.Key = write.Key with { Id = id };
    }

    private void Expect(Exception exception)
    {
        var isExpected = exception is ConflictException or SwitchingException or IdsExhaustedException or SideUnavailableException or CannotHoldException { Field: "paid" }
            or OperationCanceledException or InvalidOperationException { Message: "odd" };
        if (!isExpected)
        {
            world.Ledger.Report($"client {number} met {exception}");
        }
    }

    private ClientWrite Write(string kind, EntityKey key)
    {
        var write = new ClientWrite(string.Create(CultureInfo.InvariantCulture, $"w{number}.{++_writes}"), kind) { Key = key };
        Writes.Add(write);
        return write;
    }

    private string? RequestKey(ClientWrite write) => _random.Next(10) < (write.Kind == "create" ? 7 : 3) ? $"r-{write.Name}" : null;

    // Amounts of one life of an entity are counted from a number of its own, so that each state is told by its amount.
    private TestEntity Born(long id) => new()
    {
        Id = id, Name = Text(), Amount = ((number * 100) + _writes + 10) * 1000,
    };

    // Most updates of one state make the same of it whoever makes them: what tells two of them apart must not be their content.
    private TestEntity Change(TestEntity entity, ClientWrite write, bool anonymize)
    {
        entity.Amount++;
        switch (_random.Next(6))
        {
            case 0 when entity.Name.Length > 0:
                entity.Name = Text();
                break;
            case 1:
                entity.Cancelled = !entity.Cancelled;
                break;
            case 2:
                entity.Paid = !entity.Paid;
                break;
            case 3:
                (entity.Cancelled, entity.Paid) = (true, !entity.Paid);
                break;
        }

        entity.Name = anonymize ? "" : entity.Name;
        return entity;
    }

    private string Text() => string.Create(CultureInfo.InvariantCulture, $"{Personal}{number}.{_writes}");
}

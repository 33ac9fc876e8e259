using System.Collections;
using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;

namespace Strangler.MySql.Blocking;

/// <summary>
/// Rows in batches: one hop to a blocking thread brings many, the first together with the execution, and small results to their end, so
/// that reading mostly completes at once and closing has nothing left to do.
/// </summary>
internal sealed class BlockingReader(
    BlockingConnection connection, BlockingSession session, DbDataReader raw, TimeSpan limit, bool closesConnection) : DbDataReader
{
    private const int FirstRows = 256;
    private const int FirstBytes = 256 * 1024;

    // A reader that keeps on reading gets more at a time: a hop costs what dozens of rows do.
    private const int MostGrowth = 8;
    private static readonly TimeSpan BatchTime = TimeSpan.FromMilliseconds(20);

    private readonly Queue<ResultBuffer> _results = new();
    private ResultBuffer? _last;
    private bool _isDrained;
    private bool _isCutShort;
    private bool _isClosed;
    private int _row = -1;
    private int _growth = 1;

    public override int FieldCount => Current?.Names.Length ?? 0;

    public override bool HasRows => Current?.HadRows ?? false;

    public override bool IsClosed => _isClosed;

    public override int RecordsAffected => raw.RecordsAffected;

    public override int Depth => 0;

    private ResultBuffer? Current => _results.TryPeek(out var result) ? result : null;

    public override object this[int ordinal] => GetValue(ordinal);

    public override object this[string name] => GetValue(GetOrdinal(name));

    /// <summary>On the thread of the execution.</summary>
    public void FetchFirst()
    {
        session.OpenReader = this;
        if (raw.FieldCount == 0)
        {
            _isDrained = true;
            return;
        }
        Begin();
        Fetch();
        // An error before anybody saw a row is the execution's.
        if (_results.Peek() is { Rows: 0, Error: { } error })
            throw error;
    }

    /// <summary>The execution failed: nobody will ever see this reader.</summary>
    public void Forget()
    {
        _isClosed = true;
        session.OpenReader = null;
        CloseRaw();
    }

    public override bool Read()
    {
        if (ReadBuffered() is { } atOnce)
            return atOnce;
        session.Call(FetchMore);
        return ReadBuffered() ?? false;
    }

    public override Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<bool>(cancellationToken);
        return ReadBuffered() is { } atOnce ? Task.FromResult(atOnce) : FetchAndReadAsync(cancellationToken);
    }

    public override bool NextResult()
    {
        if (NextBuffered() is { } atOnce)
            return atOnce;
        return session.Call(SkipToNext);
    }

    public override async Task<bool> NextResultAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return NextBuffered() ?? await session.CallAsync(SkipToNext, limit, cancellationToken).ConfigureAwait(false);
    }

    public override void Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        if (!_isDrained && !session.IsBroken && !session.HasCallInFlight)
            CloseEarly();
        else if (_isDrained)
            CloseRaw();
        Finish();
        if (closesConnection)
            connection.Close();
    }

    public override async Task CloseAsync()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        if (_isDrained)
            CloseRaw();
        else if (!session.IsBroken && !session.HasCallInFlight)
            await CloseEarlyAsync().ConfigureAwait(false);
        Finish();
        if (closesConnection)
            await connection.CloseAsync().ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    public override string GetName(int ordinal) => Result().Names[ordinal];

    public override int GetOrdinal(string name) => Result().Ordinal(name);

    public override Type GetFieldType(int ordinal) => Result().Types[ordinal];

    public override string GetDataTypeName(int ordinal) => Result().Types[ordinal].Name;

    public override DataTable? GetSchemaTable() => raw.GetSchemaTable();

    public override object GetValue(int ordinal)
    {
        var result = Row();
        var cell = result[_row, ordinal];
        return cell is UnreadableCell unreadable
            ? throw new InvalidCastException($"Column '{result.Names[ordinal]}': {unreadable.Cause.Message}", unreadable.Cause)
            : cell;
    }

    /// <summary>The present row as it was buffered. A cell that the driver could not make throws when <see cref="GetValue"/> is asked for it.</summary>
    public ReadOnlySpan<object> Cells => Row().Cells(_row);

    public override int GetValues(object[] values)
    {
        var count = Math.Min(values.Length, FieldCount);
        for (var i = 0; i < count; i++)
            values[i] = GetValue(i);
        return count;
    }

    // Also of a value that can't be read: it is there.
    public override bool IsDBNull(int ordinal) => Row()[_row, ordinal] is DBNull;

    public override Task<bool> IsDBNullAsync(int ordinal, CancellationToken cancellationToken) => Task.FromResult(IsDBNull(ordinal));

    public override T GetFieldValue<T>(int ordinal)
    {
        var value = GetValue(ordinal);
        if (value is T typed)
            return typed;
        var type = Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
        if (value is DBNull)
        {
            return default(T) is null && type != typeof(T)
                ? default!
                : throw new InvalidCastException($"Column '{GetName(ordinal)}' is NULL.");
        }
        object converted = value switch
        {
            _ when type.IsEnum => Enum.ToObject(type, value),
            DateTime moment when type == typeof(DateOnly) => DateOnly.FromDateTime(moment),
            TimeSpan time when type == typeof(TimeOnly) => TimeOnly.FromTimeSpan(time),
            byte[] bytes when type == typeof(Stream) => new MemoryStream(bytes, writable: false),
            string text when type == typeof(TextReader) => new StringReader(text),
            _ => Convert.ChangeType(value, type, CultureInfo.InvariantCulture),
        };
        return (T)converted;
    }

    public override Task<T> GetFieldValueAsync<T>(int ordinal, CancellationToken cancellationToken) =>
        Task.FromResult(GetFieldValue<T>(ordinal));

    public override bool GetBoolean(int ordinal) => GetFieldValue<bool>(ordinal);

    public override byte GetByte(int ordinal) => GetFieldValue<byte>(ordinal);

    public override char GetChar(int ordinal) => GetFieldValue<char>(ordinal);

    public override DateTime GetDateTime(int ordinal) => GetFieldValue<DateTime>(ordinal);

    public override decimal GetDecimal(int ordinal) => GetFieldValue<decimal>(ordinal);

    public override double GetDouble(int ordinal) => GetFieldValue<double>(ordinal);

    public override float GetFloat(int ordinal) => GetFieldValue<float>(ordinal);

    public override Guid GetGuid(int ordinal) => GetValue(ordinal) switch
    {
        string text => Guid.Parse(text),
        var value => throw new InvalidCastException($"Column '{GetName(ordinal)}' is a {value.GetType().Name}, not a Guid's text."),
    };

    public override short GetInt16(int ordinal) => GetFieldValue<short>(ordinal);

    public override int GetInt32(int ordinal) => GetFieldValue<int>(ordinal);

    public override long GetInt64(int ordinal) => GetFieldValue<long>(ordinal);

    public override string GetString(int ordinal) => GetFieldValue<string>(ordinal);

    public override long GetBytes(int ordinal, long dataOffset, byte[]? buffer, int bufferOffset, int length) =>
        Copy<byte>(GetFieldValue<byte[]>(ordinal), dataOffset, buffer, bufferOffset, length);

    public override long GetChars(int ordinal, long dataOffset, char[]? buffer, int bufferOffset, int length) =>
        Copy<char>(GetString(ordinal), dataOffset, buffer, bufferOffset, length);

    public override IEnumerator GetEnumerator() => new DbEnumerator(this);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Close();
        base.Dispose(disposing);
    }

    private static long Copy<T>(ReadOnlySpan<T> value, long from, T[]? buffer, int bufferOffset, int length)
    {
        if (buffer is null)
            return value.Length;
        var count = (int)Math.Clamp(value.Length - from, 0, length);
        value.Slice((int)Math.Min(from, value.Length), count).CopyTo(buffer.AsSpan(bufferOffset));
        return count;
    }

    private ResultBuffer Result() =>
        _isClosed ? throw new InvalidOperationException("The reader is closed.")
            : Current ?? throw new InvalidOperationException("There is no result, or no further one.");

    private ResultBuffer Row()
    {
        var result = Result();
        return (uint)_row < (uint)result.Rows
            ? result
            : throw new InvalidOperationException("There is no row: Read was not called, or said that there is none.");
    }

    /// <summary>Null when rows have to be fetched.</summary>
    private bool? ReadBuffered()
    {
        if (_isClosed)
            throw new InvalidOperationException("The reader is closed.");
        if (Current is not { } result)
            return false;
        if (_row + 1 < result.Rows)
        {
            _row++;
            return true;
        }
        if (result.Error is { } error && !result.IsComplete)
            throw error;
        if (!result.IsComplete)
            return null;
        _row = result.Rows;
        return false;
    }

    /// <summary>Null when the wire has to be asked.</summary>
    private bool? NextBuffered()
    {
        if (_isClosed)
            throw new InvalidOperationException("The reader is closed.");
        if (Current is not { } result)
            return false;
        if (result.Error is { } error)
            throw error;
        if (_results.Count == 1 && !_isDrained)
            return null;
        _results.Dequeue();
        _row = -1;
        return _results.Count > 0;
    }

    private async Task<bool> FetchAndReadAsync(CancellationToken cancellationToken)
    {
        await session.CallAsync(FetchMore, limit, cancellationToken).ConfigureAwait(false);
        return ReadBuffered() ?? false;
    }

    private bool FetchMore()
    {
        _row = -1;
        _last!.Clear();
        _growth = Math.Min(2 * _growth, MostGrowth);
        Fetch();
        return true;
    }

    private bool SkipToNext()
    {
        _results.Clear();
        _row = -1;
        // The driver skips the rest of the rows itself.
        if (!raw.NextResult())
        {
            _isDrained = true;
            return false;
        }
        Begin();
        Fetch();
        return true;
    }

    private void Begin()
    {
        _last = new(raw);
        _results.Enqueue(_last);
    }

    private void Fetch()
    {
        var started = Stopwatch.GetTimestamp();
        var (rows, bytes) = (0, 0);
        try
        {
            while (true)
            {
                while (raw.Read())
                {
                    bytes += _last!.Add(raw);
                    // Rows that come slowly are handed on early.
                    if (++rows >= FirstRows * _growth || bytes >= FirstBytes * _growth || Stopwatch.GetElapsedTime(started) > BatchTime)
                        return;
                }
                _last!.IsComplete = true;
                if (!raw.NextResult())
                {
                    _isDrained = true;
                    return;
                }
                Begin();
            }
        }
        catch (Exception e)
        {
            // It belongs behind the rows that came before it. After an error the server sends nothing more.
            _last!.Error = session.Noted(e);
            _isDrained = true;
            _isCutShort = !_last.IsComplete;
        }
    }

    private async Task CloseEarlyAsync()
    {
        try
        {
            if (await session.CallAsync(SkipLittle, limit, CancellationToken.None).ConfigureAwait(false))
                CloseRaw();
            else
                await session.EndResultAsync(CloseRaw).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DbException or TimeoutException or IOException or InvalidOperationException)
        {
            // What is left on the wire would be taken for the answer to the next command.
            session.Break();
        }
    }

    /// <summary>Without a token or a thread of its own a KILL would have no sure bound in time; so a long result costs the
    /// connection.</summary>
    private void CloseEarly()
    {
        try
        {
            if (session.Call(SkipLittle))
                CloseRaw();
            else
                session.Break();
        }
        catch (Exception e) when (e is DbException or TimeoutException or IOException or InvalidOperationException)
        {
            session.Break();
        }
    }

    /// <summary>A few rows more are cheaper than a KILL over a connection of its own.</summary>
    private bool SkipLittle()
    {
        for (var batch = 0; batch < 4 && !_isDrained; batch++)
        {
            _results.Clear();
            _last!.Clear();
            Fetch();
        }
        return _isDrained;
    }

    private void Finish()
    {
        session.OpenReader = null;
        _results.Clear();
    }

    private void CloseRaw()
    {
        // The driver would go on asking for the rows that were to come, and wait for ever, whatever its time limits say.
        if (_isCutShort)
            session.Break();
        try
        {
            raw.Close();
        }
        catch (Exception e) when (e is DbException or NullReferenceException or IOException or InvalidOperationException)
        {
            // A killed statement ends with an error that nobody waits for.
            session.Noted(e);
        }
    }
}

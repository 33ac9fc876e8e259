namespace Strangler.Service.Http;

/// <summary>What a single client may take of the service, and how long it takes to leave. The frontends' routes are bound by the server's limits alone, not by the rate.</summary>
public sealed class HttpLimits
{
    /// <summary>Requests a minute that one caller may make (without a token: one address). 1 to 1,000,000; default 600.</summary>
    public int RequestsPerMinute { get; set; } = 600;

    /// <summary>Bytes of a request's body. 1 to 16,777,216; default 65,536.</summary>
    public int MaxBody { get; set; } = 65_536;

    /// <summary>Connections at a time. 1 to 100,000; default 1,000.</summary>
    public int MaxConnections { get; set; } = 1_000;

    /// <summary>How long an answer may take, that of a moving stage and of events apart. 1 s to 10 minutes; default 30 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a service that is told to stop still answers while <c>/readyz</c> says so already, so that nobody is sent to it any more when it stops
    /// listening. 0 to 10 s; default 2 s.
    /// </summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(2);

    /// <exception cref="ArgumentException">A value out of its range; a line each.</exception>
    public void Validate()
    {
        List<string> errors = [];
        Check(RequestsPerMinute is >= 1 and <= 1_000_000, $"requestsPerMinute is {RequestsPerMinute}; it must lie between 1 and 1,000,000.");
        Check(MaxBody is >= 1 and <= 16_777_216, $"maxBody is {MaxBody}; it must lie between 1 and 16,777,216.");
        Check(MaxConnections is >= 1 and <= 100_000, $"maxConnections is {MaxConnections}; it must lie between 1 and 100,000.");
        Check(Timeout >= TimeSpan.FromSeconds(1) && Timeout <= TimeSpan.FromMinutes(10), $"timeout is {Timeout.TotalSeconds:0.###} s; it must lie between 1 s and 10 m.");
        Check(Drain >= TimeSpan.Zero && Drain <= TimeSpan.FromSeconds(10), $"drain is {Drain.TotalSeconds:0.###} s; it must lie between 0 and 10 s.");
        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors));
        }

        void Check(bool isGood, string error)
        {
            if (!isGood)
            {
                errors.Add(error);
            }
        }
    }
}

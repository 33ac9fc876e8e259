using System.Net;
using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;
using Strangler.Service.Telemetry;
using Strangler.Tests.Doubles;
using Strangler.Tests.Service.Http;

namespace Strangler.Tests.Service;

/// <summary>What a collector gets.</summary>
public sealed class TracingTests
{
    private const string Secret = "Qxzsecret";

    [Test]
    public async Task A_collector_gets_requests_writes_and_applies_as_parts_of_their_callers_trace_and_no_values()
    {
        using var collector = new Collector();
        await using var service = await TestService.StartAsync();
        var time = new TestTimeProvider();
        using (Tracing.Start(new TraceOptions(collector.Address) { IsGrpc = false }, "here:1"))
        {
            using var answer = await service.SendAsync(
                "GET", $"/contexts/nothing/timeline/{Secret}/4711?x={Secret}", service.Keys[Role.Viewer], null, ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
            Simulation.Run(1, time, async () => await TestProcess.In(Stage.DualWrite, time).AddAsync(Secret));
        }

        var sent = collector.Sent;
        var text = Encoding.Latin1.GetString(sent);
        Assert.That(text, Does.Contain("GET /contexts/{context}/timeline/{kind}/{id}").And.Contain("strangler.write").And.Contain("strangler.apply").And.Contain("here:1").And.Contain("written"));
        Assert.That(sent.AsSpan().IndexOf(Convert.FromHexString("0af7651916cd43dd8448eb211c80319c")), Is.GreaterThan(0), "in the caller's trace");
        Assert.That(text, Does.Not.Contain(Secret).And.Not.Contain("4711"));
        Assert.That(collector.Path, Is.EqualTo("/v1/traces"));
    }

    [Test]
    public void Without_a_collector_nothing_is_begun() => Assert.That(Tracing.Start(null, "here"), Is.Null);

    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly MemoryStream _sent = new();
        private readonly Task _work;

        public Collector()
        {
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                Address = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/");
            }

            _listener.Prefixes.Add(Address.ToString());
            _listener.Start();
            _work = Task.Run(TakeAsync);
        }

        public Uri Address { get; }

        public string Path { get; private set; } = "";

        public byte[] Sent
        {
            get
            {
                lock (_sent)
                {
                    return _sent.ToArray();
                }
            }
        }

        public void Dispose()
        {
            _listener.Close();
            _work.Wait(TimeSpan.FromSeconds(5));
            _sent.Dispose();
        }

        private async Task TakeAsync()
        {
            try
            {
                while (true)
                {
                    var request = await _listener.GetContextAsync();
                    using var body = new MemoryStream();
                    await request.Request.InputStream.CopyToAsync(body);
                    lock (_sent)
                    {
                        Path = request.Request.Url!.AbsolutePath;
                        _sent.Write(body.ToArray());
                    }

                    request.Response.Close();
                }
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // It is closed.
            }
        }
    }
}

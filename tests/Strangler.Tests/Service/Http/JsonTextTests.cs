using System.Text.Json;
using NUnit.Framework;
using Strangler.Service.Http;

namespace Strangler.Tests.Service.Http;

/// <summary>JSON as JavaScript writes it. The expected texts are those of <c>JSON.stringify</c>.</summary>
public sealed class JsonTextTests
{
    [TestCase(0, "0")]
    [TestCase(-0.0, "0")]
    [TestCase(1, "1")]
    [TestCase(-3.5, "-3.5")]
    [TestCase(0.1, "0.1")]
    [TestCase(123456789012345680000d, "123456789012345680000")]
    [TestCase(1e20, "100000000000000000000")]
    [TestCase(1e21, "1e+21")]
    [TestCase(1.5e300, "1.5e+300")]
    [TestCase(0.000001, "0.000001")]
    [TestCase(0.00000123, "0.00000123")]
    [TestCase(1e-7, "1e-7")]
    [TestCase(-1.25e-9, "-1.25e-9")]
    [TestCase(5e-324, "5e-324")]
    [TestCase(1234570, "1234570")]
    [TestCase(100.25, "100.25")]
    [TestCase(double.NaN, "null")]
    [TestCase(double.PositiveInfinity, "null")]
    public void A_number_is_the_shortest_text_that_leads_back_to_it(double number, string text)
    {
        Assert.That(JsonText.Number(number), Is.EqualTo(text));
        if (double.IsFinite(number))
        {
            Assert.That(double.Parse(text, System.Globalization.CultureInfo.InvariantCulture), Is.EqualTo(number));
        }
    }

    [Test]
    public void Any_number_leads_back_to_itself([Random(-1e25, 1e25, 50)] double large, [Random(-1e-5, 1e-5, 1)] double small)
    {
        Assert.That(JsonDocument.Parse(JsonText.Number(large)).RootElement.GetDouble(), Is.EqualTo(large));
        Assert.That(JsonDocument.Parse(JsonText.Number(small)).RootElement.GetDouble(), Is.EqualTo(small));
    }

    [Test]
    public void Nothing_is_escaped_that_need_not_be()
    {
        var text = new JsonText().Object(one => one
            .Text("a", "é<&>'/ \u2028\u007f \U0001F600").Text("b", "\"\\\b\f\n\r\t\u0001").Text("c", "\ud800x").Text("d", null).Number("e", null).Real("f", 0.5)
            .Member("g", null).Member("h", inner => inner.Object(_ => { }))).ToString();
        Assert.That(
            text,
            Is.EqualTo(
                "{\"a\":\"é<&>'/ \u2028\u007f \U0001F600\"," + """
                "b":"\"\\\b\f\n\r\t\u0001","c":"\ud800x","d":null,"e":null,"f":0.5,"g":null,"h":{}}
                """));
    }

    [Test]
    public void A_long_text_is_whole_whatever_its_characters_take([Values("a", "é", "€", "\U0001F98A", "\"", "\u0001")] string one, [Values(600, 2047, 5000)] int times)
    {
        var value = string.Concat(Enumerable.Repeat(one, times));
        var json = new JsonText().Array([1, 2], (item, _) => item.Object(members => members.Number("n", long.MinValue).Text("t", value)));
        var read = JsonDocument.Parse(json.Bytes).RootElement.EnumerateArray().Select(item => (item.GetProperty("n").GetInt64(), item.GetProperty("t").GetString()));
        Assert.That(read, Is.All.EqualTo((long.MinValue, value)).And.Exactly(2).Items);
    }

    [Test]
    public void Lists_have_commas_between_and_nothing_else()
    {
        Assert.That(new JsonText().Array<int>([], (_, _) => { }).ToString(), Is.EqualTo("[]"));
        Assert.That(new JsonText().Array([1, 2], (json, one) => json.Object(of => of.Number("n", one))).ToString(), Is.EqualTo("""[{"n":1},{"n":2}]"""));
    }

    [TestCase("127.0.0.1:5080", "127.0.0.1:5080")]
    [TestCase("localhost:80", "127.0.0.1:80")]
    [TestCase("[::1]:5080", "[::1]:5080")]
    [TestCase("0.0.0.0:0", "0.0.0.0:0")]
    public void An_address_and_a_port_is_where_it_listens(string text, string place) =>
        Assert.That(HttpOptions.Parse([text]).Options.Listen.Single().ToString(), Is.EqualTo(place));

    [TestCase("127.0.0.1")]
    [TestCase("::1")]
    [TestCase("example.org:80")]
    [TestCase("127.0.0.1:99999")]
    [TestCase("")]
    public void Anything_else_is_an_error_that_names_the_setting(string text) =>
        Assert.That(HttpOptions.Parse([text]).Errors.Single(), Does.StartWith($"http.listen[0] is \"{text}\"; expected an address and a port"));

    [Test]
    public void Where_nothing_is_said_it_is_the_machine_itself() =>
        Assert.That(HttpOptions.Parse([]).Options.Listen.Single().ToString(), Is.EqualTo("127.0.0.1:5080"));
}

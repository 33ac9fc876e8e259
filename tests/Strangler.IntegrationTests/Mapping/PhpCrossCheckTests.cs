using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using NUnit.Framework;
using Strangler.Mapping.Php;

namespace Strangler.IntegrationTests.Mapping;

/// <summary>The codec against a real PHP: what one writes, the other reads and writes back the same.</summary>
[TestFixture]
public sealed class PhpCrossCheckTests
{
    // In: one base64 line each. "R <base64>": unserialize, serialize again. "G <seed>": serialize a random value.
    // "K <base64>": how the key is typed. "F <hex of a big-endian double>": serialize that float.
    private const string Script =
        """
        function value(int $depth) {
            switch (mt_rand(0, $depth > 0 ? 9 : 6)) {
                case 0: return null;
                case 1: return mt_rand(0, 1) === 1;
                case 2: return mt_rand(-100, 100);
                case 3: return mt_rand() * mt_rand() * (mt_rand(0, 1) ? 1 : -1);
                case 4: return unpack('E', random(8))[1];
                case 5: return [0.1, -0.0, 1e25, 1e17, 1e16, 1e-4, 1e-5, INF, -INF, NAN, 13.37, 1e23][mt_rand(0, 11)];
                case 6: return random(mt_rand(0, 12));
                default:
                    $result = [];
                    for ($i = mt_rand(0, 8); $i > 0; $i--) {
                        $key = [mt_rand(-9, 9), (string)mt_rand(-9, 99), random(mt_rand(0, 4)), 'key' . mt_rand(0, 99)][mt_rand(0, 3)];
                        $result[$key] = value($depth - 1);
                    }
                    return $result;
            }
        }
        function random(int $length): string {
            $bytes = '';
            while (strlen($bytes) < $length) { $bytes .= chr(mt_rand(0, 255)); }
            return $bytes;
        }
        while (($line = fgets(STDIN)) !== false) {
            [$verb, $text] = explode(' ', trim($line) . ' ');
            if ($verb === 'G') { mt_srand((int)$text); $out = serialize([value(4), value(3)]); }
            elseif ($verb === 'K') { $out = serialize([base64_decode($text) => null]); }
            elseif ($verb === 'F') { $out = serialize(unpack('E', hex2bin($text))[1]); }
            else {
                $in = base64_decode($text);
                $value = @unserialize($in, ['allowed_classes' => false]);
                $out = $value === false && $in !== 'b:0;' ? 'REFUSED' : serialize($value);
            }
            echo base64_encode($out), "\n";
        }
        """;

    [TestCase(-1)]
    [TestCase(17)]
    public async Task What_php_writes_is_read_and_written_back_the_same(int precision)
    {
        var requests = Enumerable.Range(0, 5000).Select(seed => "G " + seed).ToList();
        foreach (var written in await AskPhpAsync(requests, precision))
        {
            var again = PhpSerializer.Serialize(PhpSerializer.Parse(written));
            Assert.That(again, Is.EqualTo(written));
        }
    }

    [TestCase(-1)]
    [TestCase(17)]
    public async Task What_we_write_php_reads_and_writes_back_the_same(int precision)
    {
        // With 17 digits PHP lays out most floats differently: those must come from PHP itself.
        var random = new Random(precision);
        var ours = Enumerable.Range(0, 5000).Select(_ => PhpSerializer.Serialize(Value(random, 4, withFloats: precision == -1))).ToList();
        var theirs = await AskPhpAsync([.. ours.Select(bytes => "R " + Convert.ToBase64String(bytes))], precision);
        Assert.That(theirs, Has.Count.EqualTo(ours.Count));
        for (var i = 0; i < ours.Count; i++)
        {
            Assert.That(theirs[i], Is.EqualTo(ours[i]));
        }
    }

    [Test]
    public async Task Floats_are_laid_out_as_php_does()
    {
        var random = new Random(5);
        var floats = Enumerable.Range(-330, 650).Select(power => Math.Pow(10, power))
            .Concat(Enumerable.Range(0, 4000).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue))))
            .Concat(Enumerable.Range(0, 2000).Select(_ => random.NextDouble() * Math.Pow(10, random.Next(-8, 22))))
            .Concat([0, -0.0, 0.1, 1e23, 9007199254740993, double.Epsilon, double.MaxValue, double.NaN, double.NegativeInfinity])
            .ToList();
        var theirs = await AskPhpAsync([.. floats.Select(x => "F " + BitConverter.DoubleToInt64Bits(x).ToString("x16"))], -1);
        for (var i = 0; i < floats.Count; i++)
        {
            Assert.That(Encoding.ASCII.GetString(PhpSerializer.Serialize(PhpFloat.Of(floats[i]))),
                Is.EqualTo(Encoding.ASCII.GetString(theirs[i])));
        }
    }

    [Test]
    public async Task Keys_are_typed_as_php_does()
    {
        var random = new Random(6);
        var names = Enumerable.Range(0, 3000)
            .Select(_ => NearlyNumber(random))
            .Concat(["", "0", "-0", "08", "-", "9223372036854775807", "9223372036854775808"])
            .Concat(["-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616"])
            .Concat(["18446744073709551617", "-18446744073709551615", "99999999999999999999"])
            .ToList();
        var theirs = await AskPhpAsync([.. names.Select(name => "K " + Convert.ToBase64String(Encoding.UTF8.GetBytes(name)))], -1);
        for (var i = 0; i < names.Count; i++)
        {
            var array = new PhpArray();
            array.Set(names[i], PhpNull.Instance);
            Assert.That(Encoding.UTF8.GetString(PhpSerializer.Serialize(array)), Is.EqualTo(Encoding.UTF8.GetString(theirs[i])));
        }
    }

    [Test]
    public async Task Of_a_duplicate_key_php_too_sees_the_last_value()
    {
        const string Twice = "a:3:{s:1:\"5\";i:1;s:1:\"b\";i:2;i:5;i:3;}";
        var theirs = await AskPhpAsync(["R " + Convert.ToBase64String(Encoding.ASCII.GetBytes(Twice))], -1);
        Assert.That(Encoding.ASCII.GetString(theirs[0]), Is.EqualTo("a:2:{i:5;i:3;s:1:\"b\";i:2;}"));
        var ours = (PhpArray)PhpSerializer.Parse(Encoding.ASCII.GetBytes(Twice));
        Assert.That(ours.TryGet("5", out var value) ? ((PhpInt)value).Value : 0, Is.EqualTo(3));
    }

    [Test]
    public async Task What_we_accept_of_damaged_data_php_accepts_too()
    {
        var random = new Random(7);
        var accepted = new List<byte[]>();
        for (var round = 0; round < 100_000; round++)
        {
            var bytes = PhpSerializer.Serialize(Value(random, 2, withFloats: true));
            bytes[random.Next(bytes.Length)] = (byte)"0123456789:;{}\"sidabN+-.E"[random.Next(25)];
            if (PhpSerializer.TryParse(bytes, out _, out _))
            {
                accepted.Add(bytes);
            }
        }

        var theirs = await AskPhpAsync([.. accepted.Select(bytes => "R " + Convert.ToBase64String(bytes))], -1);
        Assert.That(accepted, Has.Count.GreaterThan(1000));
        for (var i = 0; i < accepted.Count; i++)
        {
            Assert.That(Encoding.Latin1.GetString(theirs[i]), Is.Not.EqualTo("REFUSED"), Encoding.Latin1.GetString(accepted[i]));
        }
    }

    private static PhpValue Value(Random random, int depth, bool withFloats)
    {
        switch (random.Next(depth > 0 ? 8 : 6))
        {
            case 0:
                return PhpNull.Instance;
            case 1:
                return PhpBool.Of(random.Next(2) == 0);
            case 2:
                return PhpInt.Of(random.Next(2) == 0 ? random.Next(-300, 300) : random.NextInt64(long.MinValue, long.MaxValue));
            case 3 when withFloats:
                return PhpFloat.Of(BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue)));
            case 3 or 4:
                return PhpString.Of("Größe " + random.Next(100));
            case 5:
                return PhpString.Of(Bytes(random, 30));
            default:
                var array = new PhpArray();
                for (var count = random.Next(10); count > 0; count--)
                {
                    array.Set(random.Next(2) == 0 ? PhpKey.Of(Bytes(random, 4)) : PhpKey.Of(random.Next(-99, 99).ToString()),
                        Value(random, depth - 1, withFloats));
                }

                return array;
        }
    }

    private static string NearlyNumber(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(1, 22)).Select(_ => "0123456789-+ ."[random.Next(random.Next(8) == 0 ? 14 : 11)]));

    private static byte[] Bytes(Random random, int maxLength)
    {
        var bytes = new byte[random.Next(maxLength)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static async Task<List<byte[]>> AskPhpAsync(List<string> requests, int precision)
    {
        using var php = StartPhp(precision);
        var writing = Task.Run(async () =>
        {
            foreach (var request in requests)
            {
                await php.StandardInput.WriteLineAsync(request);
            }

            php.StandardInput.Close();
        });
        var answers = new List<byte[]>(requests.Count);
        while (await php.StandardOutput.ReadLineAsync() is { } line)
        {
            answers.Add(Convert.FromBase64String(line));
        }

        await writing;
        await php.WaitForExitAsync();
        Assert.That(answers, Has.Count.EqualTo(requests.Count), await php.StandardError.ReadToEndAsync());
        return answers;
    }

    private static Process StartPhp(int precision)
    {
        var start = new ProcessStartInfo("php")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "-n", "-d", "serialize_precision=" + precision, "-r", Script },
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception missing)
        {
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail("php is not installed: " + missing.Message);
            }

            Assert.Ignore("php is not installed: " + missing.Message);
            throw;
        }
    }
}

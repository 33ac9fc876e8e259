using NUnit.Framework;
using Strangler.Backfill;

namespace Strangler.Tests.Backfill;

[TestFixture]
public sealed class ChunkSizerTests
{
    private static readonly TimeSpan Target = TimeSpan.FromSeconds(0.5);

    [Test]
    public void It_settles_at_the_target()
    {
        var sizer = new ChunkSizer(Target, 10, 100_000);

        for (var i = 0; i < 40; i++)
        {
            sizer.Took(sizer.Rows, TimeSpan.FromMilliseconds(sizer.Rows * 0.1));
        }

        Assert.That(sizer.Rows, Is.EqualTo(5000).Within(1).Percent);
    }

    [Test]
    public void One_slow_chunk_halves_it_at_most_and_one_quick_doubles_it_at_most()
    {
        var sizer = new ChunkSizer(Target, 1000, 100_000);

        sizer.Took(1000, TimeSpan.FromMinutes(10));
        Assert.That(sizer.Rows, Is.EqualTo(500));
        sizer.Took(500, TimeSpan.Zero);
        Assert.That(sizer.Rows, Is.EqualTo(1000));
    }

    [Test]
    public void A_nearly_empty_chunk_does_not_grow_it()
    {
        var sizer = new ChunkSizer(Target, 1000, 100_000);

        sizer.Took(3, TimeSpan.FromMilliseconds(1));

        Assert.That(sizer.Rows, Is.EqualTo(1000));
    }

    [Test]
    public void It_stays_between_one_and_the_most()
    {
        var sizer = new ChunkSizer(Target, 2, 3);

        sizer.Took(3, TimeSpan.Zero);
        Assert.That(sizer.Rows, Is.EqualTo(3));
        for (var i = 0; i < 20; i++)
        {
            sizer.Took(1, TimeSpan.FromHours(1));
        }

        Assert.That(sizer.Rows, Is.EqualTo(1));
    }
}

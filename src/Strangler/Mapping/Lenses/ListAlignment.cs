namespace Strangler.Mapping.Lenses;

/// <summary>Which row of a list as it was becomes which of the list as it shall be; -1 for a new one. Pure.</summary>
internal static class ListAlignment
{
    // Beyond that the rows between the first and the last change are taken one by one: right, but with more of them rewritten than need be.
    private const long MostCells = 4_000_000;

    public static bool SameRow(object?[] left, object?[] right)
    {
        for (var i = 0; i < left.Length; i++)
        {
            if (!Record.ValuesEqual(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same content wherever it stood; nothing is rewritten.</summary>
    public static int[] Unordered(IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        var origins = new int[now.Count];
        var isTaken = new bool[was.Count];
        for (var i = 0; i < now.Count; i++)
        {
            origins[i] = Enumerable.Range(0, was.Count).FirstOrDefault(at => !isTaken[at] && SameRow(was[at], now[i]), -1);
            if (origins[i] >= 0)
            {
                isTaken[origins[i]] = true;
            }
        }

        return origins;
    }

    /// <summary>
    /// The longest common sequence stays. Between two rows that stay, rows that go give their places to rows that come; where more come
    /// than go, all that
    /// follow move up, since no key lies between two keys.
    /// </summary>
    public static int[] Ordered(IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        var origins = Common(was, now);
        var at = 0;
        for (var i = 0; i < now.Count;)
        {
            var end = i;
            while (end < now.Count && origins[end] < 0)
            {
                end++;
            }

            var free = end < now.Count ? origins[end] : was.Count;
            if (end < now.Count && end - i > free - at)
            {
                OneByOne(origins, i, at, was.Count);
                return origins;
            }

            for (; i < end && at < free; i++, at++)
            {
                origins[i] = at;
            }

            at = free + 1;
            i = end + 1;
        }

        return origins;
    }

    private static void OneByOne(int[] origins, int from, int at, int count)
    {
        for (var i = from; i < origins.Length; i++, at++)
        {
            origins[i] = at < count ? at : -1;
        }
    }

    private static int[] Common(IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now)
    {
        var origins = new int[now.Count];
        Array.Fill(origins, -1);
        var head = 0;
        while (head < was.Count && head < now.Count && SameRow(was[head], now[head]))
        {
            origins[head] = head++;
        }

        var tail = 0;
        while (tail < was.Count - head && tail < now.Count - head && SameRow(was[was.Count - 1 - tail], now[now.Count - 1 - tail]))
        {
            tail++;
            origins[now.Count - tail] = was.Count - tail;
        }

        var (rows, columns) = (was.Count - head - tail, now.Count - head - tail);
        if ((long)rows * columns <= MostCells)
        {
            Longest(was, now, head, rows, columns, origins);
        }

        return origins;
    }

    private static void Longest(IReadOnlyList<object?[]> was, IReadOnlyList<object?[]> now, int head, int rows, int columns, int[] origins)
    {
        var lengths = new int[rows + 1, columns + 1];
        for (var i = rows - 1; i >= 0; i--)
        {
            for (var j = columns - 1; j >= 0; j--)
            {
                lengths[i, j] = SameRow(was[head + i], now[head + j])
                    ? lengths[i + 1, j + 1] + 1
                    : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
            }
        }

        for (var (i, j) = (0, 0); i < rows && j < columns;)
        {
            if (SameRow(was[head + i], now[head + j]))
            {
                origins[head + j++] = head + i++;
            }
            else if (lengths[i + 1, j] >= lengths[i, j + 1])
            {
                i++;
            }
            else
            {
                j++;
            }
        }
    }
}

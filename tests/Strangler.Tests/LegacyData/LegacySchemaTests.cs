using NUnit.Framework;
using Strangler.LegacyData;

namespace Strangler.Tests.LegacyData;

[TestFixture]
public sealed class LegacySchemaTests
{
    [Test]
    public void There_is_one_statement_for_each_table_in_the_order_of_their_references() =>
        Assert.That(LegacySchema.Statements.Select(text => text.Split('`')[1]), Is.EqualTo(LegacySchema.Tables));

    [Test]
    public void The_rows_have_the_columns_of_the_table()
    {
        var table = LegacySchema.Statements.Single(text => text.StartsWith("CREATE TABLE `spenden`", StringComparison.Ordinal));
        var columns = table.Split('\n').Where(line => line.StartsWith("  `", StringComparison.Ordinal)).Select(line => line.Split('`')[1]);
        Assert.That(LegacyDonation.ColumnNames, Is.EqualTo(columns));
    }
}

using NUnit.Framework;
using Strangler.Postgres;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Postgres;

public sealed class PostgresMigrationLintTests
{
    [TestCase("CREATE TABLE a (id bigint)")]
    [TestCase("CREATE INDEX a ON b (c)")]
    [TestCase("INSERT INTO a VALUES (';')")]
    [TestCase("CREATE FUNCTION a() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$")]
    [TestCase("CREATE FUNCTION a() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN RETURN 1; END $body$")]
    [TestCase("-- VACUUM; is only spoken of\nALTER TABLE a ADD b int")]
    public void One_statement_that_a_transaction_can_hold_will_do(string statement) => Assert.That(PostgresMigrationLint.Check(statement), Is.Null);

    [TestCase("CREATE TABLE a (id bigint); DROP TABLE b", "more than one statement")]
    [TestCase("CREATE INDEX CONCURRENTLY a ON b (c)", "'CONCURRENTLY' cannot be part of a transaction")]
    [TestCase("VACUUM a", "'VACUUM' cannot be part of a transaction")]
    [TestCase("COMMIT", "'COMMIT' cannot be part of a transaction")]
    public void Others_are_refused(string statement, string why) => Assert.That(PostgresMigrationLint.Check(statement), Does.Contain(why));

    [Test]
    public async Task All_migrations_of_the_store_are_sound()
    {
        var catalog = await PostgresMigrations.ReadCatalogAsync(SourceTree.PathOf("migrations"), CancellationToken.None);
        Assert.That(catalog.Files.Select(file => file.Context).Distinct(), Does.Contain("strangler").And.Contain("donations"));
    }
}

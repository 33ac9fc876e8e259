using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.Tests.Mongo;

/// <summary>What the client decides without a server.</summary>
public sealed class MongoClientRulesTests
{
    [TestCase("mongodb://db1:27017/images", "db1:27017/images")]
    [TestCase("mongodb://anna:s%40crt@db1,db2:27018/images?replicaSet=rs0", "anna@db1,db2:27018/images")]
    [TestCase("mongodb://a%40b:p@[::1]:27017/x", "a@b@[::1]:27017/x")]
    [TestCase("mongodb+srv://anna:x@cluster.example.org/images", "anna@cluster.example.org/images")]
    public void An_address_is_shown_without_its_password(string text, string shown) =>
        Assert.That(MongoAddress.Parse(text).Display, Is.EqualTo(shown));

    [Test]
    public void Our_settings_replace_those_of_the_connection_string()
    {
        var address = MongoAddress.Parse("mongodb://a:b@h/d?replicaSet=rs0&maxPoolSize=5&w=0&readPreference=secondary&tls=true&RetryWrites=false");
        Assert.That(address.With([("maxPoolSize", "7"), ("appName", "a b")]),
            Is.EqualTo("mongodb://a:b@h/d?replicaSet=rs0&tls=true&maxPoolSize=7&appName=a%20b"));
    }

    [TestCase("")]
    [TestCase("Server=db1;Database=x")]
    [TestCase("mongodb://")]
    [TestCase("mongodb:///x")]
    [TestCase("mongodb://host")]
    [TestCase("mongodb://host/")]
    [TestCase("mongodb://anna:secret/with-slash@host/x")]
    [TestCase("mongodb://anna:se/cret@host/x/y")]
    [TestCase("mongodb://host/a.b")]
    [TestCase("mongodb://host/x?secret")]
    public void A_connection_string_that_is_none_says_how_it_must_look_and_shows_nothing(string text)
    {
        var options = new MongoSideOptions { ConnectionString = text, CommandTimeout = TimeSpan.Zero };
        var e = Assert.Throws<ArgumentException>(options.Validate)!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Does.Contain("onnection string").And.Contain(nameof(MongoSideOptions.CommandTimeout)),
                "all errors at once");
            Assert.That(e.Message, Does.Not.Contain("secret").And.Not.Contain("cret@"));
        });
    }

    [TestCase("mongodb://host/x")]
    [TestCase("mongodb://a:secret@host:27017/x?replicaSet=&tls=true")]
    [TestCase("mongodb://host/x?replicaSet=rs0&directConnection=true")]
    [TestCase("mongodb://host,other/x?DIRECTCONNECTION=True")]
    [TestCase("mongodb://host/x?replicaSet=rs0;directConnection=true")]
    [TestCase("mongodb+srv://host/x?directConnection=1")]
    public void An_address_that_leads_past_the_set_is_refused_with_the_cure(string text)
    {
        var e = Assert.Throws<ArgumentException>(new MongoSideOptions { ConnectionString = text }.Validate)!;
        Assert.That(e.Message, Does.Contain("replicaSet=").And.Contain("rs.initiate()").And.Not.Contain("secret"));
    }

    [TestCase("mongodb://host/x?replicaSet=rs0&directConnection=false")]
    [TestCase("mongodb://host,other/x")]
    [TestCase("mongodb+srv://host/x")]
    public void An_address_that_finds_the_primary_is_taken(string text) =>
        Assert.DoesNotThrow(new MongoSideOptions { ConnectionString = text }.Validate);

    [Test]
    public void A_server_that_has_not_heard_of_what_this_process_has_seen_may_have_later()
    {
        var behind = MongoFailureException.Of(BsonDocument.Of(
            ("code", 72), ("errmsg", "readConcern afterClusterTime value must not be greater than the current clusterTime. Requested clusterTime: { ts: 1 }")));
        Assert.That((behind.Kind, behind.IsTransient), Is.EqualTo((MongoErrorKind.NotPrimary, true)));
        Assert.That(Failure(72).IsTransient, Is.False);
    }

    [Test]
    public void A_host_that_is_none_of_the_set_s_is_told_with_the_cure()
    {
        var member = BsonDocument.Of(("isWritablePrimary", true), ("setName", "rs1"));
        Assert.Multiple(() =>
        {
            Assert.That(MongoTopology.WhyNotFound(member, "h", "rs0"), Does.Contain("replicaSet=rs1"));
            Assert.That(MongoTopology.WhyNotFound(member.With("isWritablePrimary", false), "h", "rs1"), Is.Null, "it waits for a primary");
            Assert.That(MongoTopology.WhyNotFound(BsonDocument.Of(("isWritablePrimary", true)), "h", "rs0"), Does.Contain("rs.initiate()"));
            Assert.That(MongoTopology.WhyNotFound(BsonDocument.Of(("isreplicaset", true)), "h", "rs0"), Is.Null, "it is being made one");
            Assert.That(MongoAddress.Direct("mongodb://a:b@h,i/d?replicaSet=rs0&tls=true"), Is.EqualTo("mongodb://a:b@h/d?tls=true&directConnection=true"));
        });
    }

    [Test]
    public void Statements_that_are_each_as_large_as_can_be_do_not_share_a_command()
    {
        var text = new string('x', 7_000_000);
        var documents = Enumerable.Range(0, 3).Select(i => BsonDocument.Of(("_id", i), ("text", i == 1 ? text + text : text))).ToList();
        var command = new MongoWriteCommand("insert", "documents", "c", true);
        List<(int Count, int Held)> written = [];
        for (var done = 0; done < documents.Count; done += written[^1].Count)
        {
            var writer = new BsonWriter();
            var count = command.Write(writer, documents, done, _ => { });
            written.Add((count, BsonDocument.Parse(writer.Written.Span)["documents"].AsArray.Count));
        }

        Assert.That(written, Is.EqualTo(new[] { (1, 1), (1, 1), (1, 1) }));
    }

    [TestCase(11000, "E11000 duplicate key error collection: d.c index: mail_1 dup key: { mail: \"jane@example.org\" }",
        MongoErrorKind.Duplicate, "mail_1")]
    [TestCase(121, "Document failed validation", MongoErrorKind.Invalid, null)]
    [TestCase(2, "Cannot apply $inc to a value of non-numeric type. {_id: \"jane@example.org\"} has the field 'a' of non-numeric type string", MongoErrorKind.Other, null)]
    [TestCase(14, "Field 'x' has value \"jane@example.org\" of wrong type", MongoErrorKind.Other, null)]
    [TestCase(28, "Cannot create field 'jane@example.org' in element {a: { b: \"}jane\" }", MongoErrorKind.Other, null)]
    [TestCase(112, "WriteConflict", MongoErrorKind.WriteConflict, null)]
    [TestCase(251, "Given transaction number 5 does not match", MongoErrorKind.NoTransaction, null)]
    [TestCase(286, "Resume of change stream was not possible", MongoErrorKind.HistoryLost, null)]
    [TestCase(50, "operation exceeded time limit", MongoErrorKind.Timeout, null)]
    [TestCase(10107, "not primary", MongoErrorKind.NotPrimary, null)]
    [TestCase(13, "not authorized on d to execute command { insert: \"c\", documents: [ { mail: \"jane\" } ] }",
        MongoErrorKind.AccessDenied, null)]
    public void A_server_s_error_has_a_kind_and_shows_no_value(int code, string message, MongoErrorKind kind, string? index)
    {
        var e = MongoFailureException.Of(BsonDocument.Of(("ok", 0.0), ("code", code), ("codeName", "Name"), ("errmsg", message)));
        Assert.Multiple(() =>
        {
            Assert.That((e.Kind, e.Code, e.Index), Is.EqualTo((kind, code, index)));
            Assert.That(e.Message, Does.Not.Contain("jane"));
        });
    }

    [Test]
    public void Failures_are_said_in_the_engine_s_words()
    {
        var side = new MongoSide(SideName.Legacy, "images",
            MongoDatabase.Of(new MongoSideOptions { ConnectionString = "mongodb://anna:secret@h/d?replicaSet=rs0" }));
        var conflict = (SideUnavailableException)side.Translate(Failure(112, "TransientTransactionError"));
        var lost = (SideUnavailableException)side.Translate(new MongoFailureException(MongoErrorKind.ConnectionLost, "gone"));
        var opening = (SideUnavailableException)side.Translate(new MongoFailureException(MongoErrorKind.ConnectionLost, "gone"),
            opening: true);
        var denied = (SideUnavailableException)side.Translate(Failure(13));
        var other = (SideUnavailableException)side.Translate(Failure(2));
        Assert.Multiple(() =>
        {
            Assert.That((conflict.IsTransient, conflict.IsOutage, conflict.IsConnectionLost), Is.EqualTo((true, false, false)));
            Assert.That((lost.IsTransient, lost.IsOutage, lost.IsConnectionLost), Is.EqualTo((true, true, true)));
            Assert.That((opening.IsTransient, opening.IsOutage, opening.IsConnectionLost), Is.EqualTo((true, true, false)));
            Assert.That((denied.IsTransient, denied.IsOutage), Is.EqualTo((false, false)));
            Assert.That((other.IsTransient, other.IsOutage), Is.EqualTo((false, false)));
            Assert.That(side.Translate(Failure(91, "UnknownTransactionCommitResult")), Is.TypeOf<CommitOutcomeUnknownException>());
            Assert.That(denied.ToString(), Does.Not.Contain("secret"));
        });
    }

    [Test]
    public void Only_a_primary_of_a_set_will_do()
    {
        var primary = BsonDocument.Of(("isWritablePrimary", true), ("setName", "rs0"), ("maxWireVersion", 17));
        Assert.Multiple(() =>
        {
            Assert.That(MongoTopology.Problem(primary, "h"), Is.Null);
            Assert.That(MongoTopology.Problem(primary.Without("setName"), "h"), Does.Contain("rs.initiate()"));
            Assert.That(MongoTopology.Problem(primary.With("isWritablePrimary", false), "h"), Does.Contain("replicaSet=rs0"));
            Assert.That(MongoTopology.Problem(primary.With("msg", "isdbgrid"), "h"), Does.Contain("mongos"));
            Assert.That(MongoTopology.Problem(primary.With("maxWireVersion", 12), "h"), Does.Contain("5.0"));
        });
    }

    private static MongoFailureException Failure(int code, params string[] labels) =>
        MongoFailureException.Of(BsonDocument.Of(("code", code), ("errmsg", "no")), labels);
}

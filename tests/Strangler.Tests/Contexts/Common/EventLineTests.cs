using NUnit.Framework;
using Strangler.Contexts.Common.EventLog;

namespace Strangler.Tests.Contexts.Common;

/// <summary>Lines of the event log, as the programs have written them.</summary>
public sealed class EventLineTests
{
    private static readonly DateTime At = new(2016, 5, 16, 19, 23, 16);

    [TestCase("paypal_handler: booked", "booked", "", "paypal_handler")]
    [TestCase("frontend: storno", "storno", "", "frontend")]
    [TestCase("book_donation_use_case: new transaction id to corresponding child donation: 5", "new transaction id to corresponding child donation: 5", "", "book_donation_use_case")]
    [TestCase("marked as approved and anonymized by user: erika.muster", "marked as approved and anonymized", "erika.muster", "back_office")]
    [TestCase("Comment published by user: x by user: y", "Comment published", "x by user: y", "back_office")]
    [TestCase("cancelled by user: Łucja\nzwei", "cancelled", "Łucja\nzwei", "back_office")]
    [TestCase("sepa-mandat confirmed", "sepa-mandat confirmed", "", "")]
    [TestCase("ueb-code generated (1 tries in 0.02 secs)", "ueb-code generated (1 tries in 0.02 secs)", "", "")]
    [TestCase("Anruf: will nicht mehr", "Anruf: will nicht mehr", "", "")]
    [TestCase("by user: ", "by user: ", "", "")]
    [TestCase("", "", "", "")]
    public void A_line_says_who_did_what_and_from_which_program(string text, string what, string who, string program)
    {
        var line = EventLine.Of(At, text);
        Assert.That((line.At, line.What, line.Who, line.Program, line.Text), Is.EqualTo((At, what, who, program, text)));
    }
}

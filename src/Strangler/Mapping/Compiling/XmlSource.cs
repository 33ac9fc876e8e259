using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;

namespace Strangler.Mapping.Compiling;

/// <summary>Reads XML that may come from anywhere: no DTD, no entities, nothing fetched, a bounded size.</summary>
internal static class XmlSource
{
    public const string Namespace = "urn:strangler:mapping";
    public const long LargestFile = 4 * 1024 * 1024;

    private static readonly Lazy<XmlSchemaSet> _schemas = new(LoadSchema);

    /// <summary>The document, checked against the schema; null when it is not well-formed. A document with schema errors is still given
    /// out: the
    /// other checks go on, so that one run tells all.</summary>
    public static XDocument? Read(Stream xml, Problems problems)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = LargestFile,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        };
        try
        {
            using var reader = XmlReader.Create(xml, settings);
            var document = XDocument.Load(reader, LoadOptions.SetLineInfo);
            lock (_schemas)
            {
                document.Validate(_schemas.Value, (sender, error) => Add(sender as XObject, error, problems));
            }

            return document;
        }
        catch (XmlException exception)
        {
            problems.Add(exception.LineNumber, exception.LinePosition, "", exception.Message);
            return null;
        }
    }

    private static void Add(XObject? at, ValidationEventArgs error, Problems problems)
    {
        var element = at as XElement ?? at?.Parent;
        var named =
            element?.AncestorsAndSelf().FirstOrDefault(
            candidate => candidate.Attribute("name") is not null && candidate.Name.LocalName != "kind");
        problems.Add(
            at, named?.Attribute("name")?.Value ?? "", error.Message.Replace($"in namespace '{Namespace}' ", "", StringComparison.Ordinal));
    }

    private static XmlSchemaSet LoadSchema()
    {
        using var stream = typeof(XmlSource).Assembly.GetManifestResourceStream("mapping.xsd")
            ?? throw new InvalidOperationException("mapping.xsd is not in the assembly.");
        var schemas = new XmlSchemaSet { XmlResolver = null };
        using var reader = XmlReader.Create(stream, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
        schemas.Add(Namespace, reader);
        schemas.Compile();
        return schemas;
    }
}

using System.Xml;
using System.Xml.Linq;

namespace Strangler.Mapping.Compiling;

/// <summary>Collects what is wrong with one file.</summary>
internal sealed class Problems(string file)
{
    private readonly List<MappingProblem> _problems = [];

    public void Add(XObject? at, string field, string message)
    {
        var place = at as IXmlLineInfo;
        Add(place?.LineNumber ?? 0, place?.LinePosition ?? 0, field, message);
    }

    public void Add(int line, int column, string field, string message) =>
        _problems.Add(new MappingProblem(file, line, column, field, message));

    public void ThrowIfAny()
    {
        if (_problems.Count > 0)
        {
            throw new MappingException([.. _problems.Distinct().OrderBy(problem => problem.Line).ThenBy(problem => problem.Column)]);
        }
    }
}

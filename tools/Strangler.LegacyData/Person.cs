namespace Strangler.LegacyData;

/// <summary>A made-up donor.</summary>
internal sealed record Person(
    string Salutation, string Title, string FirstName, string LastName, string Street, string PostCode, string City, string Country,
        string Email)
{
    private static readonly string[] _women =
        ["Anna", "Beate", "Claudia", "Dörte", "Erika", "Frauke", "Gül", "Hannelore", "Inés", "Jördis", "Käthe", "Zoë", "Łucja", "Ελένη"];

    private static readonly string[] _men =
        ["Alfred", "Björn", "Cem", "Dieter", "Emil", "François", "Günther", "Hans-Jürgen", "Ole", "Jörg", "Kai", "Max", "Søren", "Юрий"];

    private static readonly string[] _lastNames =
    [
        "Muster", "Müller", "Schäfer", "Groß", "O'Neill", "von der Heide", "Yılmaz", "Kowalczyk", "Schmidt-Lührs", "Nowak", "Weiß",
        "Öztürk", "Ångström", "Dvořák", "Beispiel", "Probst", "Fiktiv", "Niemand", "Kennichnich", "Jemand",
    ];

    private static readonly string[] _streets =
        ["Erlenkamp", "Lehmgasse", "Nyan Street", "Schöne Wiese", "Hauptstraße", "Bahnhofstr.", "Straße des 17. Juni", "Am Weiher",
            "Ringstr."];

    private static readonly (string PostCode, string City, string Country)[] _cities =
    [
        ("12345", "Smalltown", "DE"), ("10963", "Berlin", "DE"), ("26789", "Leer", "DE"), ("01067", "Dresden", "DE"),
        ("80331", "München", "DE"),
        ("50667", "Köln", "DE"), ("99817", "Eisenach", "DE"), ("1010", "Wien", "AT"), ("8001", "Zürich", "CH"),
        ("1234 AB", "Amsterdam", "NL"),
        ("75001", "Unlieu", "FR"), ("04109", "Einort", "DE"),
    ];

    private static readonly string[] _titles = ["Dr.", "Prof. Dr."];

    private static readonly string[] _domains = ["example.org", "example.com", "example.net", "mail.example.org"];

    public static string[] Companies { get; } =
        ["Fluffy Beings Ltd.", "Widgets GmbH", "Evilcrop", "Käsekontor & Söhne KG", "Muster \"und\" Partner", "Verein für Beispiele e.V."];

    public string FullName => string.Join(' ', new[] { Title, FirstName, LastName }.Where(part => part.Length > 0));

    public static Person Of(Dice dice)
    {
        var isWoman = dice.Chance(50);
        var (postCode, city, country) = dice.Pick(_cities);
        return new Person(
            dice.Chance(2) ? "Divers" : isWoman ? "Frau" : "Herr",
            dice.Chance(6) ? dice.Pick(_titles) : "",
            dice.Pick(isWoman ? _women : _men),
            dice.Pick(_lastNames),
            dice.Pick(_streets) + " " + dice.Between(1, 199),
            postCode,
            city,
            country,
            $"donor.{dice.Hex(6)}@{dice.Pick(_domains)}");
    }
}

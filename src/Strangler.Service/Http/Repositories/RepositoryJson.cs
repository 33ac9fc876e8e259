using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.Contexts.Memberships;

namespace Strangler.Service.Http.Repositories;

/// <summary>
/// How entities' parts are written as JSON: the contexts' own value objects, in snake case. The domain knows no serializer; what one has to
/// know of it stands here.
/// </summary>
internal static class RepositoryJson
{
    /// <summary>Names which of several shapes a part has.</summary>
    public const string Discriminator = "type";

    /// <summary>Civil time of the organisation.</summary>
    public const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss";

    public const string DateFormat = "yyyy-MM-dd";

    private static readonly Dictionary<Type, (Type Type, string Name)[]> Shapes = new()
    {
        [typeof(Donor)] =
        [
            (typeof(PersonDonor), "person"), (typeof(CompanyDonor), "company"), (typeof(EmailDonor), "email"),
            (typeof(AnonymousDonor), "anonymous"), (typeof(AnonymizedDonor), "anonymized"), (typeof(UnclassifiedDonor), "unclassified"),
        ],
        [typeof(Applicant)] =
            [(typeof(PersonApplicant), "person"), (typeof(CompanyApplicant), "company"), (typeof(AnonymizedApplicant), "anonymized")],
        [typeof(Payment)] =
        [
            (typeof(DirectDebitPayment), "direct_debit"), (typeof(BankTransferPayment), "bank_transfer"), (typeof(PayPalPayment), "paypal"),
            (typeof(CreditCardPayment), "credit_card"), (typeof(SofortPayment), "sofort"), (typeof(CashPayment), "cash"),
        ],
        [typeof(MembershipStatus)] = [(typeof(KnownStatus), "known"), (typeof(UndecidedStatus), "undecided")],
    };

    // These have two constructors, of which the serializer would have to choose.
    private static readonly Dictionary<Type, Func<object>> Blanks = new()
    {
        [typeof(PayPalPayment)] = () => new PayPalPayment(null), [typeof(SofortPayment)] = () => new SofortPayment(""),
    };

    public static JsonSerializerOptions Options { get; } = Create();

    /// <summary>The schema of a value, for the OpenAPI document.</summary>
    public static JsonNode SchemaOf(Type type)
    {
        var schema = Options.GetJsonSchemaAsNode(
            type,
            new JsonSchemaExporterOptions
            {
                TreatNullObliviousAsNonNullable = true,
                TransformSchemaNode = (context, node) => Leaf.Of(context.TypeInfo.Type) is { } leaf
                    ? leaf.Schema(Nullable.GetUnderlyingType(context.TypeInfo.Type) is not null)
                    : context.TypeInfo.Type == typeof(FollowUps) ? SchemaOf(typeof(IReadOnlyList<FollowUp>)) : node,
            });
        return WithoutPointers(schema, schema)!;
    }

    // What comes twice is a pointer to where it came first, which leads nowhere once the schema is a part of another.
    private static JsonNode? WithoutPointers(JsonNode? node, JsonNode root) => node switch
    {
        JsonObject one when one["$ref"] is { } place => WithoutPointers(At(root, place.GetValue<string>()), root),
        JsonObject one => new JsonObject(one.Select(member => KeyValuePair.Create(member.Key, WithoutPointers(member.Value, root)))),
        JsonArray all => new JsonArray([.. all.Select(each => WithoutPointers(each, root))]),
        _ => node?.DeepClone(),
    };

    private static JsonNode At(JsonNode root, string pointer) => pointer.Split('/')[1..].Aggregate(
        root, (at, name) => (at is JsonArray all ? all[int.Parse(name, CultureInfo.InvariantCulture)] : at[name])!);

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            AllowOutOfOrderMetadataProperties = true,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            MaxDepth = 16,
            Converters = { new TimeConverter(), new CodeConverterFactory(), new FollowUpsConverter() },
            TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Shape } },
        };
        options.MakeReadOnly();
        return options;
    }

    private static void Shape(JsonTypeInfo info)
    {
        if (Blanks.TryGetValue(info.Type, out var blank))
        {
            info.CreateObject = blank;
        }

        // What is worked out of the rest is no part of it.
        foreach (var derived in info.Properties.Where(property => property is { Set: null, AssociatedParameter: null }).ToList())
        {
            info.Properties.Remove(derived);
        }

        if (Shapes.TryGetValue(info.Type, out var shapes))
        {
            info.PolymorphismOptions = new JsonPolymorphismOptions { TypeDiscriminatorPropertyName = Discriminator };
            foreach (var (type, name) in shapes)
            {
                info.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(type, name));
            }
        }
    }

    private sealed class TimeConverter : JsonConverter<DateTime>
    {
        public override DateTime Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            DateTime.TryParseExact(reader.GetString(), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
                ? time : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, DateTime value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString(TimeFormat, CultureInfo.InvariantCulture));
    }

    private sealed class FollowUpsConverter : JsonConverter<FollowUps>
    {
        public override FollowUps Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            new(JsonSerializer.Deserialize<List<FollowUp>>(ref reader, options) ?? throw new JsonException());

        public override void Write(Utf8JsonWriter writer, FollowUps value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.Items, options);
    }

    // Exactly so: neither numbers nor another case.
    private sealed class CodeConverterFactory : JsonConverterFactory
    {
        public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

        public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
            (JsonConverter)Activator.CreateInstance(typeof(CodeConverter<>).MakeGenericType(typeToConvert))!;
    }

    private sealed class CodeConverter<T> : JsonConverter<T>
        where T : struct, Enum
    {
        private static readonly Dictionary<string, T> Values =
            Enum.GetValues<T>().ToDictionary(value => Codes.Of(value), StringComparer.Ordinal);

        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } code && Values.TryGetValue(code, out var value) ? value : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Codes.Of(value));
    }
}

/// <summary>Values of lists as JSON has them: <c>to_be_exported</c>.</summary>
internal static class Codes
{
    public static string Of(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>All of a type's.</summary>
    public static IReadOnlyList<string> All(Type type) => [.. Enum.GetValues(type).Cast<Enum>().Select(Of)];
}

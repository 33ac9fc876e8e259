using Strangler.Mapping;

namespace Strangler.Contexts.Common.Tokens;

/// <summary>Between tokens and the fields that hold them in a record.</summary>
internal static class TokenRecords
{
    public static AccessTokens? Of(Record record)
    {
        var tokens = new AccessTokens(record.Text("token.access"), record.Text("token.update"), record.Timestamp("token.update_expires_at"));
        return tokens == new AccessTokens("", "", null) ? null : tokens;
    }

    public static void Write(RecordDraft draft, AccessTokens? tokens)
    {
        draft.Set("token.access", tokens?.AccessToken ?? "");
        draft.Set("token.update", tokens?.UpdateToken ?? "");
        draft.Set("token.update_expires_at", tokens?.UpdateTokenExpiresAt);
    }
}

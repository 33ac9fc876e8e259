using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>Between the back office's users and their records.</summary>
/// <param name="mapping">The context's mapping: it knows which raw legacy values a change makes void.</param>
public sealed class BackOfficeUserRecords(CompiledMapping mapping) : IEntityConverter<BackOfficeUser>
{
    private static readonly (ExpiryNotice Value, string Code)[] _notices =
        [(ExpiryNotice.Unknown, "unknown"), (ExpiryNotice.Due, "due"), (ExpiryNotice.Sent, "sent")];

    public RecordSchema Schema => mapping.Schema;

    public long IdOf(BackOfficeUser entity) => entity.Id;

    public void AssignId(BackOfficeUser entity, long id) => entity.AssignId(id);

    public BackOfficeUser ToEntity(long id, Record record) => BackOfficeUser.Recall(new BackOfficeUserState
    {
        Id = id,
        Name = record.Text("name"),
        Email = record.Text("email"),
        PasswordHash = new PasswordHash(record.Text("password_hash")),
        PasswordExpiresAt = record.Timestamp("password_expires_at"),
        ExpiryNotice = _notices.First(known => known.Code == record.Text("expiry_notice")).Value,
        Role = (int)record.Integer("role"),
        IsActive = record.Boolean("is_active"),
    });

    public Record Apply(BackOfficeUser entity, Record present)
    {
        var record = present;
        Set("name", entity.Name);
        Set("email", entity.Email);
        Set("password_hash", entity.PasswordHash.Reveal());
        Set("password_expires_at", entity.PasswordExpiresAt);
        Set("expiry_notice", _notices.First(known => known.Value == entity.ExpiryNotice).Code);
        Set("role", (long)entity.Role);
        Set("is_active", entity.IsActive);
        return record;

        void Set(string field, object? value)
        {
            if (!Record.ValuesEqual(record.Visible(field), value))
            {
                record = mapping.Change(record, field, value);
            }
        }
    }
}

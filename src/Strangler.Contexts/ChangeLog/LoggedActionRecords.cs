using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.ChangeLog;

/// <summary>Between logged actions and their records.</summary>
public sealed class LoggedActionRecords(CompiledMapping mapping) : IEntityConverter<LoggedAction>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(LoggedAction entity) => entity.Id;

    public void AssignId(LoggedAction entity, long id) => entity.AssignId(id);

    public LoggedAction ToEntity(long id, Record record) => LoggedAction.Recall(
        id, record.Timestamp("logged_at"), record.Text("action"), record.Text("user_name"), record.Text("remote_address"), record.Text("session_id"));

    public Record Apply(LoggedAction entity, Record present) => present.With(
        ("logged_at", entity.LoggedAt),
        ("action", entity.Action),
        ("user_name", entity.UserName),
        ("remote_address", entity.RemoteAddress),
        ("session_id", entity.SessionId));
}

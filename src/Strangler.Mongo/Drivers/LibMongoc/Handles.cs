using System.Runtime.InteropServices;

namespace Strangler.Mongo.Drivers.LibMongoc;

/// <summary>mongoc_uri_t.</summary>
internal sealed class UriHandle : SafeHandle
{
    public UriHandle(nint uri) : base(0, ownsHandle: true) => SetHandle(uri);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.mongoc_uri_destroy(handle);
        return true;
    }
}

/// <summary>mongoc_client_pool_t. It lives as long as one of its clients is lent.</summary>
internal sealed class PoolHandle : SafeHandle
{
    public PoolHandle(nint pool) : base(0, ownsHandle: true) => SetHandle(pool);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.mongoc_client_pool_destroy(handle);
        return true;
    }
}

/// <summary>mongoc_client_t, which goes back to its pool. A call that is under way keeps it: so it may be disposed at any time.</summary>
internal sealed class ClientHandle : SafeHandle
{
    private readonly PoolHandle _pool;

    public ClientHandle(PoolHandle pool, nint client) : base(0, ownsHandle: true)
    {
        var isCounted = false;
        pool.DangerousAddRef(ref isCounted);
        _pool = pool;
        SetHandle(client);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.mongoc_client_pool_push(_pool.DangerousGetHandle(), handle);
        _pool.DangerousRelease();
        return true;
    }
}

/// <summary>mongoc_client_session_t. It keeps its client.</summary>
internal sealed class SessionHandle : SafeHandle
{
    private readonly ClientHandle _client;

    public SessionHandle(ClientHandle client, nint session) : base(0, ownsHandle: true)
    {
        var isCounted = false;
        client.DangerousAddRef(ref isCounted);
        _client = client;
        SetHandle(session);
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.mongoc_client_session_destroy(handle);
        _client.DangerousRelease();
        return true;
    }
}

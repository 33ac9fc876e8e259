using System.Reflection;
using System.Runtime.InteropServices;

namespace Strangler.Mongo.Drivers.LibMongoc;

/// <summary>The functions of libmongoc and libbson that are used. https://mongoc.org/libmongoc/1.23.1/api.html</summary>
internal static unsafe partial class Native
{
    /// <summary>bson_t: 128 bytes at an address that 128 divides.</summary>
    public const int BsonSize = 128;

    public const int ErrorApi = 2;

    private const string Mongoc = "mongoc-1.0";
    private const string Bson = "bson-1.0";

    private static readonly Lazy<bool> Initialized = new(Initialize);

    /// <exception cref="DllNotFoundException">The library is not installed.</exception>
    public static void EnsureInitialized() => _ = Initialized.Value;

    [LibraryImport(Mongoc)]
    public static partial void mongoc_init();

    [LibraryImport(Mongoc)]
    public static partial void mongoc_log_set_handler(nint handler, nint data);

    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint mongoc_uri_new_with_error(string uri, out MongocError error);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_uri_destroy(nint uri);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_client_pool_new_with_error(UriHandle uri, out MongocError error);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_client_pool_destroy(nint pool);

    [LibraryImport(Mongoc)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_pool_set_error_api(PoolHandle pool, int version);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_client_pool_try_pop(PoolHandle pool);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_client_pool_push(nint pool, nint client);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_session_opts_new();

    [LibraryImport(Mongoc)]
    public static partial void mongoc_session_opts_set_causal_consistency(nint opts, [MarshalAs(UnmanagedType.U1)] bool value);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_session_opts_destroy(nint opts);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_client_start_session(ClientHandle client, nint opts, out MongocError error);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_client_session_get_lsid(SessionHandle session);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_client_session_get_operation_time(SessionHandle session, out uint seconds, out uint increment);

    [LibraryImport(Mongoc)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_session_append(SessionHandle session, byte* opts, out MongocError error);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_client_session_destroy(nint session);

    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_command_with_opts(
        ClientHandle client, string database, byte* command, nint readPreference, byte* opts, byte* reply, out MongocError error);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_transaction_opts_new();

    [LibraryImport(Mongoc)]
    public static partial void mongoc_transaction_opts_set_read_concern(nint opts, nint readConcern);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_transaction_opts_set_write_concern(nint opts, nint writeConcern);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_transaction_opts_set_max_commit_time_ms(nint opts, long milliseconds);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_transaction_opts_destroy(nint opts);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_read_concern_new();

    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_read_concern_set_level(nint readConcern, string level);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_read_concern_destroy(nint readConcern);

    [LibraryImport(Mongoc)]
    public static partial nint mongoc_write_concern_new();

    [LibraryImport(Mongoc)]
    public static partial void mongoc_write_concern_set_wmajority(nint writeConcern, int milliseconds);

    [LibraryImport(Mongoc)]
    public static partial void mongoc_write_concern_destroy(nint writeConcern);

    [LibraryImport(Mongoc)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_session_start_transaction(SessionHandle session, nint opts, out MongocError error);

    [LibraryImport(Mongoc)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_session_commit_transaction(SessionHandle session, byte* reply, out MongocError error);

    [LibraryImport(Mongoc)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool mongoc_client_session_abort_transaction(SessionHandle session, out MongocError error);

    [LibraryImport(Bson)]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool bson_init_static(byte* bson, byte* data, nuint length);

    [LibraryImport(Bson)]
    public static partial void bson_init(byte* bson);

    [LibraryImport(Bson)]
    public static partial byte* bson_get_data(byte* bson);

    [LibraryImport(Bson)]
    public static partial void bson_destroy(byte* bson);

    private static bool Initialize()
    {
        NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, Resolve);
        mongoc_init();
        // It writes to the standard error otherwise, also what it says in its errors.
        mongoc_log_set_handler(0, 0);
        return true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name is not (Mongoc or Bson))
            return 0;
        foreach (var file in (string[])[$"lib{name}.so.0", $"lib{name}.0.dylib", $"{name}.dll"])
        {
            if (NativeLibrary.TryLoad(file, assembly, path, out var handle))
                return handle;
        }
        return 0;
    }
}

/// <summary>bson_error_t.</summary>
[StructLayout(LayoutKind.Sequential, Size = 512)]
internal unsafe struct MongocError
{
    public uint Domain;
    public uint Code;
    private fixed byte _message[504];

    public readonly string Message
    {
        get
        {
            fixed (byte* message = _message)
                return Marshal.PtrToStringUTF8((nint)message) ?? "";
        }
    }
}

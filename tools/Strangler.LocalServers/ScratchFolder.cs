namespace Strangler.LocalServers;

/// <summary>A folder for files of one run. Gone when disposed; when its owner is killed before that, the next run that makes one takes it away.</summary>
public sealed class ScratchFolder : IDisposable
{
    private ScratchFolder(string path) => Path = path;

    /// <summary>Where it is; readable by its owner alone.</summary>
    public string Path { get; }

    public static ScratchFolder Create() => new(ServerFolder.Create("scratch", ServerFolder.DefaultRoot, user: null));

    public void Dispose() => ServerFolder.Remove(Path);
}

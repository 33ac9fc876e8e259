// Half of the time a test waits: for leases, back-offs, servers that start. Two at a time keep two cores busy and no more. Each test has
// databases, and where it harms them servers, of its own; what looks at all of a shared server is [NonParallelizable].
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(2)]

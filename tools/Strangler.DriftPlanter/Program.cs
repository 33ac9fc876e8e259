using Strangler.DriftPlanting;

return await PlanterCommandLine.RunAsync(args, Console.Out, Console.Error);

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>
/// What an exception is to a frontend. Neither its answer nor the log repeats what the exception says: drivers quote values.
/// </summary>
internal sealed class RepositoryProblems(ILogger log)
{
    /// <summary>What is told where nobody knows whether a write has happened.</summary>
    public const string Unknown =
        "Whether it was written is not known. After a POST send the same again with the same Idempotency-Key; after a PATCH or DELETE read "
        + "the entity, and compare its ETag with the one you have.";

    // Of an attempt that carries a key, an earlier one may have written.
    private const string Again = "This attempt has written nothing; try again, with the same Idempotency-Key if it has one.";

    public ApiException Translate(Exception exception) => exception switch
    {
        ConflictException => new ApiException(
            StatusCodes.Status412PreconditionFailed, "Somebody has changed it since you read it. Read it again, and decide again."),
        CannotHoldException cannot => Refusal.Senseless(cannot.Field, $"{cannot.Field}: {cannot.Reason}."),
        RequestKeyException => new ApiException(
            StatusCodes.Status422UnprocessableEntity,
            "This Idempotency-Key was used for another entity; a request needs a key of its own."),
        DuplicateKeyException => new ApiException(
            StatusCodes.Status409Conflict, "There is one already that has the same value where each has its own."),
        QuarantinedException or UnreadableException => new ApiException(
            StatusCodes.Status409Conflict, "It is there, and its legacy row cannot be read; an operator finds it in the quarantine."),
        CommitOutcomeUnknownException => Later(exception, Unknown),
        IdsExhaustedException => Later(
            exception,
            $"There are no ids left for new ones at the moment; an operator has to reserve more. {Again}"),
        SwitchingException or FenceBusyException => Later(
            exception, $"It is being moved from one side to the other at the moment. {Again}"),
        _ when Answers.IsOutage(exception) || exception is Schemas.SchemaMismatchException => Later(
            exception, $"The database does not answer at the moment. {Again}"),
        _ when ApiHandler.Translate(exception) is { } known && exception is not ArgumentException => known,
        _ => Unexpected(exception),
    };

    private ApiException Later(Exception exception, string detail)
    {
        log.CannotServe(Kinds(exception));
        return new ApiException(StatusCodes.Status503ServiceUnavailable, detail);
    }

    private ApiException Unexpected(Exception exception)
    {
        log.RequestFailed(Kinds(exception), exception.StackTrace ?? "");
        return new ApiException(StatusCodes.Status500InternalServerError, $"The request could not be answered. {Unknown}");
    }

    private static string Kinds(Exception exception)
    {
        List<string> kinds = [];
        for (var one = exception; one is not null; one = one.InnerException)
        {
            kinds.Add(one.GetType().Name);
        }

        return string.Join(" < ", kinds);
    }
}

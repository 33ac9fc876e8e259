"""Errors as the server says them."""

NAMES = {1: 'InternalError', 2: 'BadValue', 9: 'FailedToParse', 11: 'UserNotFound', 14: 'TypeMismatch', 20: 'IllegalOperation',
    26: 'NamespaceNotFound',
         27: 'IndexNotFound', 40: 'ConflictingUpdateOperators', 43: 'CursorNotFound', 48: 'NamespaceExists', 50: 'MaxTimeMSExpired', 59: 'CommandNotFound',
         66: 'ImmutableField', 72: 'InvalidOptions', 73: 'InvalidNamespace', 85: 'IndexOptionsConflict', 86: 'IndexKeySpecsConflict', 112: 'WriteConflict',
         121: 'DocumentValidationFailure', 225: 'TransactionTooOld', 237: 'CursorKilled', 238: 'NotImplemented', 246: 'SnapshotUnavailable',
         251: 'NoSuchTransaction', 256: 'TransactionCommitted', 263: 'OperationNotSupportedInTransaction', 280: 'ChangeStreamFatalError',
         286: 'ChangeStreamHistoryLost', 10107: 'NotWritablePrimary', 10334: 'BSONObjectTooLarge', 11000: 'DuplicateKey', 11601: 'Interrupted'}


class CommandError(Exception):
    def __init__(self, code, message, labels=(), **extra):
        super().__init__(message)
        self.code, self.message, self.labels, self.extra = code, message, list(labels), extra

    def reply(self):
        reply = {'ok': 0.0, 'errmsg': self.message, 'code': self.code, 'codeName': NAMES.get(self.code, 'Location%d' % self.code),
            **self.extra}
        if self.labels:
            reply['errorLabels'] = self.labels
        return reply

    def write_error(self, index):
        return {'index': index, 'code': self.code, 'errmsg': self.message, **self.extra}


class MustWait(Exception):
    """Another transaction has written there and is open: who is in none tries again when it has ended."""
    def __init__(self, transaction):
        super().__init__()
        self.transaction = transaction


def write_conflict():
    return CommandError(112, 'WriteConflict error: this operation conflicted with another operation. Please retry your operation or '
                        'multi-document transaction.', ['TransientTransactionError'])


def no_such_transaction(number, why):
    return CommandError(251, 'Given transaction number %d does not match any in-progress transactions: %s' % (number, why),
        ['TransientTransactionError'])

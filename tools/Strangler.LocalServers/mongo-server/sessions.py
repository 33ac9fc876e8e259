"""Logical sessions: the state of a session's transaction, and the answers to writes that a client may send twice."""
import asyncio

from errors import CommandError, no_such_transaction

MOST_OUTCOMES = 10_000


class Session:
    def __init__(self, identity):
        self.identity = identity
        self.number = -1
        self.state = 'none'
        self.transaction = None
        self.retried = {}
        self.killed = asyncio.Event()


class Sessions:
    def __init__(self, storage):
        self.storage = storage
        self.all = {}
        self.ended = asyncio.Event()
        for identity, (number, outcome) in storage.outcomes.items():
            session = self.get(identity)
            session.number = number
            session.state = 'committed' if outcome is None else 'none'
            if outcome is not None:
                session.retried = {int(k): v for k, v in outcome.items()}

    def get(self, identity):
        if identity not in self.all:
            if len(self.all) > MOST_OUTCOMES:
                for old in [k for k, s in self.all.items() if s.transaction is None][:MOST_OUTCOMES // 2]:
                    del self.all[old]
            self.all[identity] = Session(identity)
        return self.all[identity]

    def enter(self, command):
        """The session and the transaction of a command; begins one where the command says so."""
        lsid, number = command.get('lsid'), command.get('txnNumber')
        if lsid is None:
            return None, None
        session = self.get(bytes(lsid['id']))
        if number is None:
            return session, None
        number = int(number)
        if number < session.number:
            raise CommandError(225, 'Cannot start transaction %d on session because a newer transaction %d has already started.'
                               % (number, session.number), ['TransientTransactionError'] if 'autocommit' in command else [])
        if command.get('autocommit') is not False:
            if number > session.number:
                self._forget(session, number, 'none')
            return session, None
        if command.get('startTransaction'):
            if number == session.number:
                raise CommandError(117, 'Transaction %d has already been started on this session.' % number)
            self._forget(session, number, 'open')
            session.transaction = self.storage.begin(session.identity, number)
        elif number > session.number:
            raise no_such_transaction(number, 'it was not begun')
        return session, self._open(session, number, next(iter(command)))

    @staticmethod
    def _open(session, number, name):
        if session.state == 'open' and session.transaction.is_over:
            session.state, session.transaction = 'aborted', None
        if session.state == 'committed':
            if name == 'commitTransaction':
                return None
            raise CommandError(256, 'Transaction %d has been committed.' % number)
        if session.state != 'open':
            raise no_such_transaction(number, 'it was aborted')
        return session.transaction

    def _forget(self, session, number, state):
        if session.transaction is not None and not session.transaction.is_over:
            self.abort(session)
        session.number, session.state, session.retried = number, state, {}

    def commit(self, session):
        transaction, session.transaction = session.transaction, None
        if transaction is not None:
            self.storage.commit(transaction)
            session.state = 'committed'
            self.wake()

    def abort(self, session):
        transaction, session.transaction = session.transaction, None
        if transaction is not None:
            if not transaction.is_over:
                self.storage.abort(transaction)
            session.state = 'aborted'
            self.wake()

    def kill(self, identity):
        session = self.all.get(identity)
        if session is not None:
            self.abort(session)
            session.killed.set()
            session.killed = asyncio.Event()

    def wake(self):
        """Whoever waits for a transaction to end looks again."""
        self.ended.set()
        self.ended = asyncio.Event()

    def reap(self, now, lifetime):
        for session in list(self.all.values()):
            if session.transaction is not None and now - session.transaction.began > lifetime:
                self.abort(session)

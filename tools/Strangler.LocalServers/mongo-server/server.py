"""
A small server that speaks MongoDB's wire protocol, for tests on machines where no mongod can be had. One member of a replica set, on 127.0.0.1 only.

What it is true to: commands and their answers, unique and partial indexes, validators, sessions, retryable writes, multi-document transactions with snapshot
reads and write conflicts, change streams with resume tokens, durability against kill -9 (not against a loss of power). What it has not: other members,
elections, authentication, TLS, collations, query plans, text and geo queries. Aggregation is mongomock's.
"""
import argparse
import asyncio
import datetime
import os
import struct
import sys
import time

import bson
from bson import Int64

import commands
from errors import CommandError
from sessions import Sessions
from storage import Storage
from values import decode, encode

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
CHECKSUM, MORE_TO_COME = 1, 2
LONGEST_MESSAGE = 48_000_000
REAP_SECONDS = 0.25


class Server:
    def __init__(self, arguments):
        self.port, self.set_name = arguments.port, arguments.replset
        self.lifetime = arguments.transaction_lifetime
        self.storage = Storage(arguments.dbpath, arguments.oplog)
        self.sessions = Sessions(self.storage)
        self.cursors = {}
        self.fail_point = None
        self.connections = 0
        self.counts = {}
        self.changed = asyncio.Event()
        self.storage.listeners.append(self._changed)

    def _changed(self):
        self.changed.set()
        self.changed = asyncio.Event()

    async def run(self):
        listener = await asyncio.start_server(self._serve, '127.0.0.1', self.port, limit=1 << 20)
        print('Waiting for connections on port %d' % self.port, flush=True)
        async with listener:
            while True:
                await asyncio.sleep(REAP_SECONDS)
                self.sessions.reap(time.monotonic(), self.lifetime)

    async def _serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        try:
            while True:
                header = await reader.readexactly(16)
                length, request, _, opcode = struct.unpack('<iiii', header)
                if not 16 < length <= LONGEST_MESSAGE:
                    return
                body = await reader.readexactly(length - 16)
                answer = await self._answer(request, opcode, body, number, reader)
                if answer is None:
                    return
                if answer:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request, opcode, body, number, reader):
        if opcode == OP_QUERY:
            # Only a first hello still comes this way.
            name_end = body.index(0, 4)
            query = decode(body[name_end + 9:])
            reply = self.hello(number) if next(iter(query)).lower() in ('ismaster', 'hello') else {'ok': 0.0, 'errmsg': 'use OP_MSG',
                'code': 59}
            raw = encode(reply)
            return struct.pack('<iiiiiqii', 36 + len(raw), 0, request, OP_REPLY, 8, 0, 0, 1) + raw
        if opcode != OP_MSG:
            return None
        flags, command = self._parse(body)
        reply = await self._run(command, number, reader)
        if reply is None:
            return None
        if flags & MORE_TO_COME:
            return b''
        raw = reply if isinstance(reply, bytes) else encode(reply)
        return struct.pack('<iiiiiB', 21 + len(raw), 0, request, OP_MSG, 0, 0) + raw

    @staticmethod
    def _parse(body):
        flags = struct.unpack_from('<I', body)[0]
        end = len(body) - (4 if flags & CHECKSUM else 0)
        at, raw, sequences = 4, None, {}
        while at < end:
            kind = body[at]
            size = struct.unpack_from('<i', body, at + 1)[0]
            if kind == 0:
                raw = body[at + 1:at + 1 + size]
            else:
                close = body.index(0, at + 5)
                documents, place = [], close + 1
                while place < at + 1 + size:
                    length = struct.unpack_from('<i', body, place)[0]
                    documents.append(body[place:place + length])
                    place += length
                sequences[body[at + 5:close].decode()] = documents
            at += 1 + size
        command = commands.decode_command(raw)
        command.update(sequences)
        return flags, command

    async def _run(self, command, number, reader):
        name = next(iter(command))
        self.counts[name] = self.counts.get(name, 0) + 1
        session = transaction = None
        try:
            await self._fail(name)
            handler = commands.COMMANDS.get(name) or commands.COMMANDS.get(name.lower())
            if handler is None:
                raise CommandError(59, "no such command: '%s'" % name)
            if self.set_name is None and 'txnNumber' in command:
                raise CommandError(20, 'Transaction numbers are only allowed on a replica set member or mongos')
            self._check_read_concern(command)
            session, transaction = self.sessions.enter(command)
            context = commands.Context(self, command, session, transaction, number, reader)
            reply = await handler(context)
            if transaction is not None and isinstance(reply, dict) and (reply.get('writeErrors') or reply.get('ok') == 0):
                self.sessions.abort(session)
            if isinstance(reply, bytes):
                return self._stamped(reply)
            reply = {**reply, 'ok': reply.get('ok', 1.0)}
        except CommandError as e:
            # An error ends a transaction, whichever it is.
            if transaction is not None and session.transaction is transaction:
                self.sessions.abort(session)
            labels = e.labels
            if e.code == 112 and transaction is None:
                labels = []
            reply = {**e.reply(), **({'errorLabels': labels} if labels else {})}
            if not labels:
                reply.pop('errorLabels', None)
        except _Closed:
            return None
        except (NotImplementedError, ValueError, TypeError, KeyError, bson.errors.BSONError) as e:
            if transaction is not None and session.transaction is transaction:
                self.sessions.abort(session)
            # Whoever wrote the test has to see what this server lacks.
            print('%s: %s: %s' % (name, type(e).__name__, e), file=sys.stderr, flush=True)
            reply = {'ok': 0.0, 'errmsg': 'the test server cannot do that: %s: %s' % (type(e).__name__, e), 'code': 238,
                'codeName': 'NotImplemented'}
        reply.setdefault('operationTime', self.storage.clock)
        if self.fail_reply:
            reply.update(self.fail_reply)
            self.fail_reply = None
        return reply

    def _stamped(self, raw):
        clock = self.storage.clock
        return struct.pack('<i', len(raw) + 23) + raw[4:-1] + b'\x11operationTime\0' + struct.pack('<II', clock.inc, clock.time) + b'\0'

    def _check_read_concern(self, command):
        concern = command.get('readConcern')
        if concern is None:
            return
        if command.get('autocommit') is False and not command.get('startTransaction'):
            raise CommandError(72, 'Only the first command in a transaction may specify a readConcern')
        after = concern.get('afterClusterTime')
        if after is None:
            return
        if concern.get('level') not in ('local', 'majority', 'snapshot'):
            raise CommandError(72, 'afterClusterTime field can be set only if level is equal to majority, local, or snapshot')
        if (after.time, after.inc) > (self.storage.clock.time, self.storage.clock.inc):
            raise CommandError(72, 'readConcern afterClusterTime value must not be greater than the current clusterTime')
        self.counts['afterClusterTime'] = self.counts.get('afterClusterTime', 0) + 1

    fail_reply = None

    async def _fail(self, name):
        point = self.fail_point
        if point is None or name not in point['data'].get('failCommands', []):
            return
        data = point['data']
        mode = point['mode']
        if isinstance(mode, dict):
            if mode.get('skip', 0) > 0:
                mode['skip'] -= 1
                return
            if mode.get('times', 1) <= 0:
                self.fail_point = None
                return
            if 'times' in mode:
                mode['times'] -= 1
        if data.get('blockConnection'):
            await asyncio.sleep(int(data['blockTimeMS']) / 1000)
        if data.get('closeConnection'):
            raise _Closed()
        if 'errorCode' in data:
            raise CommandError(int(data['errorCode']), 'Failing command via \'failCommand\' failpoint', data.get('errorLabels', []))
        if 'writeConcernError' in data:
            # The command is carried out; only its answer says so.
            self.fail_reply = {'writeConcernError': data['writeConcernError']}
            if 'errorLabels' in data:
                self.fail_reply['errorLabels'] = data['errorLabels']

    def hello(self, number):
        now = datetime.datetime.utcnow()
        reply = {'helloOk': True, 'isWritablePrimary': True, 'ismaster': True, 'maxBsonObjectSize': 16777216,
            'maxMessageSizeBytes': LONGEST_MESSAGE,
                 'maxWriteBatchSize': 100000, 'localTime': now, 'logicalSessionTimeoutMinutes': 30, 'connectionId': number,
                 'minWireVersion': 0, 'maxWireVersion': 17, 'readOnly': False}
        if self.set_name:
            me = '127.0.0.1:%d' % self.port
            time_of = {'ts': self.storage.clock, 't': Int64(1)}
            reply.update({'hosts': [me], 'setName': self.set_name, 'setVersion': 1, 'secondary': False, 'primary': me, 'me': me,
                          'electionId': bson.ObjectId('7fffffff0000000000000001'),
                          'lastWrite': {'opTime': time_of, 'lastWriteDate': now, 'majorityOpTime': time_of, 'majorityWriteDate': now}})
        return {**reply, 'ok': 1.0}


class _Closed(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--dbpath', required=True)
    parser.add_argument('--replset', default=None, help='the set\'s name; without it, a standalone server')
    parser.add_argument('--oplog', type=int, default=100_000, help='how many changes a change stream can go back')
    parser.add_argument('--transaction-lifetime', type=float, default=60, help='seconds after which an open transaction is aborted')
    arguments = parser.parse_args()
    os.makedirs(arguments.dbpath, exist_ok=True)
    sys.setrecursionlimit(10_000)
    asyncio.run(_main(arguments))


async def _main(arguments):
    await Server(arguments).run()


if __name__ == '__main__':
    main()

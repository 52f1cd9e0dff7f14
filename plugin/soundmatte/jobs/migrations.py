"""The journal's tables, as they came to be: one script for each version, never changed afterwards.

This module must not know what the rows are used for.
"""

from __future__ import annotations

from typing import Final

#: The number of a script in this list, from 1, is the version that it leads to.
MIGRATIONS: Final = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        made REAL NOT NULL,
        changed REAL NOT NULL,
        server TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        usd TEXT NOT NULL,
        request_id TEXT,
        response_url TEXT,
        claim TEXT NOT NULL,
        work TEXT NOT NULL,
        files TEXT,
        failure TEXT
    );
    CREATE INDEX job_by_key ON job (key, state);
    CREATE INDEX job_by_time ON job (made);
    """,
    # A job is a whole separation from here on; what is sent to a service for it is a request.
    """
    ALTER TABLE job RENAME TO request;
    DROP INDEX job_by_key;
    DROP INDEX job_by_time;
    ALTER TABLE request ADD COLUMN job TEXT NOT NULL DEFAULT '';
    CREATE INDEX request_by_key ON request (key, state);
    CREATE INDEX request_by_job ON request (job);
    CREATE INDEX request_by_time ON request (made);
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        made REAL NOT NULL,
        changed REAL NOT NULL,
        claim TEXT NOT NULL,
        cancel INTEGER NOT NULL DEFAULT 0,
        usd TEXT NOT NULL,
        version TEXT NOT NULL,
        task TEXT NOT NULL,
        seconds TEXT NOT NULL DEFAULT '{}',
        failure TEXT NOT NULL DEFAULT '',
        hint TEXT NOT NULL DEFAULT '',
        retryable INTEGER NOT NULL DEFAULT 0,
        separation TEXT
    );
    CREATE INDEX job_by_key ON job (key, state);
    CREATE INDEX job_by_time ON job (made);
    CREATE TABLE upload (
        server TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        url TEXT NOT NULL,
        made REAL NOT NULL,
        until REAL NOT NULL,
        PRIMARY KEY (server, sha256)
    );
    INSERT INTO job (id, key, state, made, changed, claim, usd, version, task, failure)
        SELECT id, 'before/' || key, state, made, changed, claim, usd, '',
            json_object(
                'selection', json(json_extract(work, '$.selection')),
                'engine', 'cloud',
                'terms', json(json_extract(work, '$.engine')),
                'output', json_extract(work, '$.output'),
                'overwrite', json_extract(work, '$.overwrite')
            ),
            ifnull(failure, '')
        FROM request WHERE json_type(work, '$.selection') = 'object';
    UPDATE request SET job = id;
    """,
    # What is looked at by every command: jobs that were left, and the month's total.
    """
    DROP INDEX job_by_time;
    CREATE INDEX job_not_over ON job (state)
        WHERE state NOT IN ('done', 'failed', 'cancelled', 'uncertain');
    DROP INDEX request_by_time;
    CREATE INDEX request_by_cost ON request (made, state, usd);
    """,
)

#: Whose processes are at work, by what the rows of every version have.
AT_WORK: Final = (
    "SELECT claim FROM job WHERE state NOT IN ('done', 'failed', 'cancelled', 'uncertain')"
)

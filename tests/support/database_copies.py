"""Copies of a built database, for tests that have to commit."""

import psycopg
from psycopg import conninfo, sql


def copy_database(url: str, name: str) -> str:
    """Copy the database of `url`, which has no session, to a new database `name`; return its URL.

    Tests with two connections need a database of their own, because they have to commit.
    """
    original = str(conninfo.conninfo_to_dict(url)["dbname"])
    names = {"copy": sql.Identifier(name), "original": sql.Identifier(original)}
    with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("drop database if exists {copy} with (force)").format(**names))
        # Copying files is fastest for a small original; it forces a checkpoint.
        server.execute(
            sql.SQL("create database {copy} template {original} strategy file_copy").format(**names)
        )
    return conninfo.make_conninfo(url, dbname=name)

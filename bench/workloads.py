"""The statements that are captured, each on a table of its own, as one transaction in one binlog file."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "inception_bench"


@dataclass(frozen=True)
class Workload:
    """make: statements that fill the table with {rows} rows, not logged. sql: what is captured; it changes {rows}."""

    letter: str
    title: str
    table: str
    kind: str
    make: tuple[str, ...]
    sql: str
    divisor: int = 1

    def rows(self, asked: int) -> int:
        return max(asked // self.divisor, 1)


UPDATE = Workload(
    "a",
    "update",
    "sbtest",
    "UPDATE",
    (
        "CREATE TABLE sbtest (id int NOT NULL PRIMARY KEY, k int NOT NULL,"
        " c char(120) NOT NULL, pad char(60) NOT NULL)",
        "INSERT INTO sbtest SELECT seq, seq * 7919 % 500000,"
        " CONCAT_WS('-', 10000000000 + seq * 6151 % 89999999999, 10000000000 + seq * 7907 % 89999999999,"
        " SUBSTR(SHA1(seq), 1, 11), SUBSTR(SHA1(seq), 12, 11), SUBSTR(SHA1(seq), 23, 11), SUBSTR(SHA1(seq+1), 1, 11),"
        " SUBSTR(SHA1(seq+1), 12, 11), SUBSTR(SHA1(seq+1), 23, 11), 10000000000 + seq * 31 % 89999999999,"
        " 10000000000 + seq * 37 % 89999999999),"
        " CONCAT_WS('-', SUBSTR(SHA1(seq+2), 1, 11), SUBSTR(SHA1(seq+2), 12, 11), SUBSTR(SHA1(seq+2), 23, 11),"
        " 10000000000 + seq * 13 % 89999999999, 10000000000 + seq * 17 % 89999999999) FROM seq_1_to_{rows}",
    ),
    "UPDATE sbtest SET k = k + 1, c = REVERSE(c)",
)
INSERT = Workload(
    "b",
    "insert",
    "narrow",
    "INSERT",
    ("CREATE TABLE narrow (id bigint NOT NULL PRIMARY KEY, n int, v varchar(40), at datetime, d decimal(10,2))",),
    "INSERT INTO narrow SELECT seq, seq % 1000, CONCAT('name ', seq), '2024-01-01' + INTERVAL seq SECOND, seq / 100"
    " FROM seq_1_to_{rows}",
)
DELETE = Workload(
    "c",
    "wide delete",
    "wide",
    "DELETE",
    (
        "CREATE TABLE wide (id bigint unsigned NOT NULL PRIMARY KEY, i1 int NOT NULL, i2 smallint, i3 tinyint NOT NULL,"
        " f float NOT NULL, d double NOT NULL, dc decimal(12,2) NOT NULL, ch char(20) NOT NULL, vc varchar(60),"
        " tx text, js json, bl blob, dt date NOT NULL, dtm datetime(3) NOT NULL, ts timestamp(6) NULL,"
        " tm time(2) NOT NULL, e enum('red','green','blue') NOT NULL, s set('a','b','c','d'), mi mediumint NOT NULL,"
        " b2 bigint)",
        "INSERT INTO wide SELECT seq, seq * 31, IF(seq % 3, seq % 30000, NULL), seq % 100, seq / 7, seq / 13,"
        " seq * 1.37, CONCAT('char ', seq % 10000), IF(seq % 5, CONCAT('it''s value ', seq), NULL),"
        " IF(seq % 4, CONCAT('some longer text for row ', seq, ' with words in it'), NULL),"
        " IF(seq % 6, CONCAT('{{\"a\": ', seq, ', \"b\": [1, 2, 3]}}'), NULL),"
        " IF(seq % 7, UNHEX(SHA1(seq)), NULL), '2000-01-01' + INTERVAL seq % 9000 DAY,"
        " '2020-01-01' + INTERVAL seq * 1001000 MICROSECOND,"
        " IF(seq % 8, '2021-06-01' + INTERVAL seq * 1000003 MICROSECOND, NULL), SEC_TO_TIME(seq % 80000 + 0.25),"
        " seq % 3 + 1, IF(seq % 9, seq % 16, NULL), seq % 8000000, IF(seq % 10, seq * 1000003, NULL)"
        " FROM seq_1_to_{rows}",
    ),
    "DELETE FROM wide",
)
SMALL = Workload(
    "d",
    "single-row updates",
    "sbsmall",
    "UPDATE",
    (
        UPDATE.make[0].replace("sbtest", "sbsmall"),
        UPDATE.make[1].replace("sbtest", "sbsmall"),
        "CREATE PROCEDURE small() BEGIN DECLARE i int DEFAULT 0; WHILE i < {rows} DO SET i = i + 1;"
        " UPDATE sbsmall SET k = k + 1, c = REVERSE(c) WHERE id = i; END WHILE; END",
    ),
    "CALL small()",
    divisor=10,
)

WORKLOADS = {workload.letter: workload for workload in (UPDATE, INSERT, DELETE, SMALL)}

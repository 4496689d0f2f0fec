"""How the online tool is called, and what its lines mean. The lines are those of 3.2.1 on MariaDB 10.11."""

from __future__ import annotations

import pytest

from backups.rollback.kept import STAND_IN
from changes.judgement import judge_online
from changes.keeping import name_schema
from changes.online_command import OnlinePlan, build_arguments, build_option_file, make_plan
from changes.online_output import OnlineOutput
from changes.states import Outcome

PLAN = make_plan(
    {"tool": "pt_osc", "clauses": "ADD n INT COMMENT '--x'", "after": "abc"},
    "sh$p",
    "orders",
    installation="0badf00d",
    execution_id=97,
    seq=2,
)
LIMITS = {"lock_wait_seconds": "30", "max_load": "Threads_running=25", "critical_load": "Threads_running=50",
          "chunk_seconds": "0.5"}  # fmt: skip


def arguments() -> list[str]:
    return build_arguments(
        "/usr/bin/pt-osc", PLAN, host="10.0.0.1", port=3307, option_file="/tmp/x/my.cnf", plugin="/p.pm", limits=LIMITS
    )


def test_the_plan_has_every_name_that_cleaning_up_needs() -> None:
    assert (PLAN.new, PLAN.old) == ("_inception_0badf00d_97_2", "_orders_old")
    assert PLAN.triggers == ("pt_osc_sh_p_orders_del", "pt_osc_sh_p_orders_upd", "pt_osc_sh_p_orders_ins")
    assert OnlinePlan.from_dict(PLAN.to_dict()) == PLAN


def test_the_longest_names_fit() -> None:
    approved = {"tool": "pt_osc", "clauses": "", "after": ""}
    made = make_plan(approved, "s", "t", installation="0badf00d", execution_id=2**63 - 1, seq=999_999)
    assert len(made.new) <= 64
    assert len(f"{made.lock}{2**32 - 1}") <= 64  # the number of a session
    assert len(f"{name_schema('0badf00d', 10**15, 999_999)}{STAND_IN}") <= 64


def test_long_names_of_triggers_are_cut_as_the_tool_cuts_them() -> None:
    approved = {"tool": "pt_osc", "clauses": "", "after": ""}
    names = make_plan(approved, "s" * 40, "t" * 40, installation="0badf00d", execution_id=1, seq=0).triggers
    assert {len(name) for name in names} == {64}


def test_the_clauses_are_one_argument_as_they_were_written() -> None:
    given = arguments()
    assert given[given.index("--alter") + 1] == PLAN.clauses
    assert given[-1] == "h=10.0.0.1,P=3307,D=sh$p,t=orders,F=/tmp/x/my.cnf,A=utf8mb4"


def test_no_settings_of_the_machine_are_read() -> None:
    assert arguments()[1:3] == ["--config", ""]


def test_waiting_for_the_swap_is_the_targets_lock_wait() -> None:
    assert any("lock_wait_timeout=30," in argument for argument in arguments())


def option_file(**changes: object) -> str:
    given: dict[str, object] = {"user": "inc", "password": 's3"c\\ret', "tls_mode": "disabled", "tls_ca": None}
    return build_option_file(**{**given, **changes}, ticket_lock="inception:0badf00d:1:42", holder=77, plan=PLAN)  # type: ignore[arg-type]


def test_the_password_is_in_the_file_only() -> None:
    assert 'password="s3\\"c\\\\ret"' in option_file()
    assert not any("s3" in argument for argument in arguments())


def test_a_session_is_refused_unless_the_worker_holds_the_ticket() -> None:
    (line,) = [line for line in option_file().splitlines() if line.startswith("init-command=")]
    assert "GET_LOCK(CONCAT('inception:online:0badf00d:97:2:', CONNECTION_ID()), 0)" in line
    assert "IF(IS_USED_LOCK('inception:0badf00d:1:42') = 77, 1, (SELECT 1 UNION SELECT 2))" in line


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        ("disabled", ["ssl-enforce=0"]),
        ("required", ["ssl-enforce=1"]),
        ("verify_ca", ["ssl-enforce=1", 'ssl-ca="/ca.pem"']),
        ("verify_identity", ["ssl-enforce=1", 'ssl-ca="/ca.pem"', "ssl-verify-server-cert=1"]),
    ],
)
def test_tls_is_as_the_target_says(mode: str, lines: list[str]) -> None:
    found = option_file(tls_mode=mode, tls_ca="/ca.pem").splitlines()
    assert [line for line in found if line.startswith("ssl")] == lines


def output_of(*lines: str) -> OnlineOutput:
    output = OnlineOutput()
    for line in lines:
        output.take(line)
    return output


COPYING = ("inception: altered\n", "2026-11-26T03:45:45 Copying approximately 20007 rows...\n")


def test_progress_is_read() -> None:
    output = output_of(*COPYING, "Copying `d`.`t`:   4% 00:19 remain\n")
    assert (output.is_altered, output.state, output.percent, output.left_seconds) == (True, "copying", 4, 19)
    assert (output.rows_copied, output.rows_total) == (800, 20007)


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:19", 19), ("12:30", 750), ("01:02:03", 3723), ("2+01:00:00", 176_400)]
)
def test_the_time_left_is_read(text: str, seconds: int) -> None:
    assert output_of(f"Copying `d`.`t`:  40% {text} remain").left_seconds == seconds


def test_a_table_whose_name_looks_like_progress_is_no_progress() -> None:
    assert output_of("Altering `d`.`Copying x: 99% 00:01 remain`...").percent == 0


def test_waiting_for_the_servers_load_is_said_until_it_goes_on() -> None:
    output = output_of(*COPYING, "Pausing because Threads_running=26.\n")
    assert (output.state, output.load) == ("throttled", "Threads_running=26")
    output.take("Copying `d`.`t`:  40% 00:19 remain")
    assert (output.state, output.load) == ("copying", "")


def test_values_that_were_cut_spoil_it() -> None:
    output = output_of(*COPYING, "Copying rows caused a MySQL error 1265: Data truncated for column 'a' at row 1")
    assert "1265" in output.spoilt


def test_a_table_that_would_be_copied_in_one_statement_spoils_it() -> None:
    assert "in one statement" in output_of("2026-11-26T03:45:49 Copying approximately 0 rows...").spoilt


def test_mysql_is_asked_to_explain_as_the_tool_reads_it() -> None:
    def sessions(limits: dict[str, str]) -> str:
        given = build_arguments("/p", PLAN, host="h", port=1, option_file="/f", plugin="/p.pm", limits=limits)
        return given[given.index("--set-vars") + 1]

    assert sessions({**LIMITS, "explain_format": "TRADITIONAL"}).endswith(",explain_format=TRADITIONAL")
    assert "explain_format" not in sessions(LIMITS)


def test_the_error_is_found_among_the_last_lines() -> None:
    output = output_of(
        *COPYING,
        "Error creating triggers: DBD::mysql::db do failed: TRIGGER command denied",
        "2026-11-26T03:45:45 Dropping new table...",
        "2026-11-26T03:45:45 Dropped new table OK.",
        "`d`.`t` was not altered.",
    )
    assert "TRIGGER command denied" in output.find_error()


def test_only_the_last_lines_are_held() -> None:
    assert len(output_of(*(f"line {number}" for number in range(1000))).last) < 20


@pytest.mark.parametrize(
    ("outcome", "now", "judged"),
    [
        (Outcome.SENT, "before", Outcome.ABORTED),
        (Outcome.COMMIT_SENT, "before", Outcome.ABORTED),
        (Outcome.COMMIT_SENT, "after", Outcome.DONE),
        # The tool was not let swap, so whatever the table is, others made it so.
        (Outcome.SENT, "after", Outcome.ABORTED),
        (Outcome.SENT, "other", Outcome.ABORTED),
        (Outcome.SENT, "none", Outcome.ABORTED),
        (Outcome.COMMIT_SENT, "other", Outcome.UNKNOWN),
        (Outcome.COMMIT_SENT, "none", Outcome.UNKNOWN),
    ],
)
def test_what_became_of_it_is_told_by_the_table(outcome: Outcome, now: str, judged: Outcome) -> None:
    assert judge_online(outcome, "before", "after", now).outcome == judged


def test_definitions_that_are_the_same_tell_nothing() -> None:
    assert judge_online(Outcome.COMMIT_SENT, "same", "same", "same").outcome == Outcome.UNKNOWN

"""Who may import whom. The source is read, not run; a broken rule is named with its line."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("inception_site", "changes", "backups")

# Files that compute: the standard library, a SQL parser, and each other.
PURE = {
    "backups.errors",
    "backups.evidence",
    "backups.faults",
    "backups.binlog",
    "backups.rollback",
    "changes.states",
    "changes.problems",
    "changes.errors",
    "changes.expiry",
    "changes.judgement",
    "changes.size_policy",
    "changes.online_rules",
    "changes.online_command",
    "changes.online_output",
    "changes.online_launcher",
    "changes.binlog_commands",
    "changes.lexer",
    "changes.splitter",
    "changes.kinds",
    "changes.references",
    "changes.refusals",
    "changes.statements",
    "changes.policy",
    "changes.reserved",
    "changes.forbidden",
    "changes.warnings_before",
    "changes.cursor",
    "changes.reading",
    "changes.schema_facts",
    "changes.alter_clauses",
    "changes.requalify",
    "changes.source_text",
    "changes.grants",
    "changes.marker",
    "changes.server_facts",
    "changes.table_facts",
    "changes.preflight",
    "changes.preflight_backup",
    "changes.preflight_tables",
    "changes.parent_rows",
    "inception_site.queue_address",
}
PURE_THIRD_PARTY = {"sqlparse", "zstandard"}
DRIVERS = {"MySQLdb", "pymysql", "pymysqlreplication"}
# These talk to a server, and know nothing of Django's models.
DRIVER_SHELL = {
    *("changes.targets", "changes.runner", "changes.killing", "changes.definitions", "changes.online_server"),
    *("changes.forced_keys", "changes.fragile_values"),
    *("backups.source", "backups.shared", "backups.snapshot", "backups.schema", "backups.bulk", "backups.purging"),
}
# These put both together: a server's answers, or its errors, and models.
SHELL = DRIVER_SHELL | {
    *(
        "changes.execution",
        "changes.running",
        "changes.schema_change",
        "changes.recovery",
        "changes.lifeline",
        "changes.session",
    ),
    *("changes.attempt", "changes.undo", "changes.inspection", "changes.executed_change", "changes.protection"),
    *("changes.ddl_undo", "changes.proof", "changes.proof_server", "changes.scratch", "changes.effort"),
    *("changes.child_plan", "changes.children", "changes.keeping_children"),
    *("changes.preflight_schemas", "changes.preflight_triggers", "changes.redo"),
    *("changes.keeping", "changes.kept_data", "changes.retention", "changes.purge"),
    *("changes.table_changes", "changes.online_change"),
    *(
        "backups.store",
        "backups.cursors",
        "backups.archive",
        "backups.capture",
        "backups.restore",
        "backups.schema_undo",
    ),
    *("backups.preview", "backups.exchange"),
    "inception_site.demo",
}
# The application asks actions; what it shows, it shows without a connection.
ABOVE_ACTIONS = ("admin", "views", "forms", "urls", "templatetags", "badges", "desk", "ticket_lists")


@dataclass(frozen=True)
class Import:
    importer: str
    line: int
    module: str
    level: int
    only_for_types: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.importer.replace('.', '/')}.py:{self.line} imports {self.module}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)


def read_imports(path: Path) -> Iterator[Import]:
    """Yield the imports of a file. `from a import b` counts as a.b when that is a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(name, node.level) for name in _imported_modules(node)]
        else:
            continue
        for name, level in found:
            yield Import(module_name(path), node.lineno, name, level, id(node) in for_types)


def _imported_modules(node: ast.ImportFrom) -> set[str]:
    base = node.module or ""
    names = set()
    for alias in node.names:
        inside = ROOT.joinpath(*base.split("."), alias.name)
        is_module = inside.with_suffix(".py").exists() or inside.is_dir()
        names.add(f"{base}.{alias.name}" if is_module else base)
    return names


def belongs(module: str, group: set[str]) -> bool:
    """Whether the module is one of the group, or inside a package of it."""
    return any(module == member or module.startswith(f"{member}.") for member in group)


IMPORTS = [found for path in source_files() for found in read_imports(path)]


def assert_none(broken: list[Import], rule: str) -> None:
    assert not broken, f"{rule}:\n" + "\n".join(map(str, broken))


def test_it_reads_the_source() -> None:
    assert len(IMPORTS) > 200
    assert any(found.importer == "changes.actions" for found in IMPORTS)


@pytest.mark.parametrize("module", sorted(PURE | DRIVER_SHELL))
def test_the_files_that_the_rules_name_exist(module: str) -> None:
    path = ROOT.joinpath(*module.split("."))
    assert path.is_dir() or path.with_suffix(".py").exists()


def test_imports_are_absolute() -> None:
    assert_none([found for found in IMPORTS if found.level], "Imports are absolute")


def test_backups_never_imports_changes() -> None:
    broken = [found for found in IMPORTS if found.importer.startswith("backups") and found.top == "changes"]
    assert_none(broken, "backups knows an execution by its id and never imports changes")


def test_the_apps_do_not_import_the_site() -> None:
    broken = [
        found
        for found in IMPORTS
        if found.importer.startswith(("backups", "changes")) and found.top == "inception_site"
    ]
    assert_none(broken, "The site is put together from the apps, not the other way round")


def test_pure_files_import_the_standard_library_and_pure_files() -> None:
    allowed = set(sys.stdlib_module_names) | PURE_THIRD_PARTY
    broken = [
        found
        for found in IMPORTS
        if belongs(found.importer, PURE)
        and not found.only_for_types
        and found.top not in allowed
        and not belongs(found.module, PURE)
        and found.module not in PACKAGES
    ]
    assert_none(broken, "A pure file computes: no Django, no driver, no file that is not pure itself")


def test_drivers_are_used_by_the_shell_only() -> None:
    broken = [found for found in IMPORTS if found.top in DRIVERS and not belongs(found.importer, SHELL)]
    assert_none(broken, "A database driver is a matter of the shell")


def test_the_driver_shell_has_no_models() -> None:
    broken = [
        found
        for found in IMPORTS
        if belongs(found.importer, DRIVER_SHELL)
        and not found.only_for_types
        and (found.module.startswith("django.db") or found.module in {"changes.models", "backups.models"})
    ]
    assert_none(broken, "What talks to a server gets values and knows no models")


def test_pages_do_not_touch_servers() -> None:
    broken = [
        found
        for found in IMPORTS
        if found.importer.split(".")[1:2] and found.importer.split(".")[1] in ABOVE_ACTIONS
        if found.top in DRIVERS or found.module in {"changes.runner", "changes.execution", "backups.source"}
    ]
    assert_none(broken, "Views, admin and forms call actions, which alone reach the servers")


def test_only_the_recovery_swallows_everything() -> None:
    broken = [
        f"{module_name(path)}:{node.lineno}"
        for path in source_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and ast.unparse(node.body[-1]) != "raise"
        and module_name(path) not in {"changes.recovery", "changes.reconciler"}
    ]
    assert not broken, f"`except Exception` is for those who settle what others left half done: {broken}"

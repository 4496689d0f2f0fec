"""What SHOW CREATE TABLE and SHOW CREATE VIEW say, taken apart: each clause keeps the server's own words.

The server writes these texts itself, in one fixed form (read with sql_mode '' and sql_quote_show_create 1), so they are
regular where the SQL of people is not. A clause that goes back to the server is the one that came from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from backups.errors import DefinitionError
from backups.rollback.databases import DatabaseDefinition
from backups.rollback.literals import is_same_bytes

_TOKEN = re.compile(
    r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`|\"(?:[^\"\\]|\\.|\"\")*+\"|[^'`\"(),\\]++|[(),\\]", re.DOTALL
)
_IDENTIFIER = r"`((?:[^`]|``)+)`"
_HEAD = re.compile(rf"CREATE TABLE {_IDENTIFIER} \(\n?")
_ELEMENT = re.compile(
    rf"(?P<column>{_IDENTIFIER} )|(?P<primary>PRIMARY KEY )"
    rf"|(?P<index>(?:(?:UNIQUE|FULLTEXT|SPATIAL|VECTOR) )?KEY {_IDENTIFIER})"
    rf"|(?P<foreign>CONSTRAINT {_IDENTIFIER} FOREIGN KEY )|(?P<check>CONSTRAINT {_IDENTIFIER} CHECK )"
    rf"|(?P<period>PERIOD FOR (?:{_IDENTIFIER}|SYSTEM_TIME) )"
)
_PARTITIONING = re.compile(r"\n(?:/\*!\d+ | )(PARTITION BY .*?)(?: \*/)?\s*\Z", re.DOTALL)
_OPTION = re.compile(
    r"\s*(?:/\*!\d+\s*)?(?:DEFAULT )?"
    r"(?:(?P<name>[A-Z_]+|`(?:[^`]|``)+`)=(?P<value>'(?:[^'\\]|\\.|'')*+'|\([^)]*\)|[^\s']+)"
    r"|(?P<flag>WITH SYSTEM VERSIONING)|TABLESPACE (?P<space>`(?:[^`]|``)+`)(?: STORAGE \w+)?)(?:\s*\*/)?"
)
_VIEW = re.compile(
    rf"(CREATE .*?) VIEW (?:`(?:[^`]|``)+`\.)?{_IDENTIFIER}((?: \((?:`(?:[^`]|``)+`[, ]*)+\))?) AS (.*)\Z", re.DOTALL
)
_DEFINER = re.compile(rf" DEFINER={_IDENTIFIER}@{_IDENTIFIER}")
_GENERATED_NAME = re.compile(r"(.*)(_(?:ibfk|chk)_\d+)\Z", re.DOTALL)

_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")
_NEAR = re.compile(rf" REFERENCES {_IDENTIFIER} \(")
_PARENT = re.compile(rf" REFERENCES {_IDENTIFIER}(?:\.{_IDENTIFIER})? \(")

ObjectName = tuple[str, str]
"""(schema name, table or view name); "" as the second is the schema itself."""

COUNTER = "AUTO_INCREMENT"
PRIMARY = "PRIMARY"


@dataclass(frozen=True, slots=True)
class Element:
    """A column, index or constraint. text: its clause whole, as it can stand in CREATE TABLE and after ADD.

    kind: of an index "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR" or "PLAIN"; else "".
    """

    name: str
    text: str
    kind: str = ""

    def names_any(self, columns: Iterable[str]) -> bool:
        """Whether an index is on one of `columns`, in the table's spelling, or calculates with it."""
        parts = self.text.partition(" (")[2]
        return any(_quote(column) in parts for column in columns)


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """A table as SHOW CREATE TABLE gives it.

    options: name to value as written, `AUTO_INCREMENT` too; partitioning: from PARTITION BY on, "" when there is none.
    unread: what stands among the options and is not known here: it can be compared, not undone.
    """

    name: str = field(compare=False)
    columns: tuple[Element, ...]
    indexes: tuple[Element, ...] = ()
    foreign_keys: tuple[Element, ...] = ()
    checks: tuple[Element, ...] = ()
    periods: tuple[Element, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    is_versioned: bool = False
    partitioning: str = ""
    unread: str = ""
    text: str = field(default="", compare=False)
    tail: str = field(default="", compare=False)

    def build_create(self, schema_name: str, *, parents_in: str) -> str:
        """Return the statement that makes an empty like of the table in another schema, its counter at the start.

        parents_in: schema of the parents whose names stand alone.
        """
        parents = f" REFERENCES {_quote(parents_in)}.`"
        keys = [key.text.replace(" REFERENCES `", parents) if _is_near(key) else key.text for key in self.foreign_keys]
        others = [element.text for element in (*self.columns, *self.periods, *self.indexes, *self.checks)]
        has_counter = any(name == COUNTER for name, _ in self.options)
        tail = _COUNTER.sub("", self.tail, count=1) if has_counter else self.tail
        return f"CREATE TABLE {_quote(schema_name)}.{_quote(self.name)} (\n{_join([*others, *keys])}\n){tail}"

    @property
    def without_counter(self) -> TableDefinition:
        """The same without the next AUTO_INCREMENT value, which rows move as well: what is compared."""
        return replace(self, options=tuple(option for option in self.options if option[0] != COUNTER))

    def renamed(self, name: str) -> TableDefinition:
        """Return the definition as the server gives it after RENAME TABLE: constraints that it named itself follow.

        What foreign keys refer to is not looked at here; see `follow_parents`.
        """

        def follow(element: Element) -> Element:
            match = _GENERATED_NAME.match(element.name)
            if match is None or match[1] != self.name:
                return element
            new = name + match[2]
            return replace(element, name=new, text=element.text.replace(_quote(element.name), _quote(new), 1))

        return replace(
            self,
            name=name,
            foreign_keys=tuple(sorted(map(follow, self.foreign_keys), key=lambda key: key.name)),
            checks=tuple(map(follow, self.checks)),
        )

    def follow_parents(self, schemas: tuple[str, str], old: ObjectName, new: ObjectName) -> TableDefinition:
        """Return the definition with its foreign keys as the server writes them when the table `old` is called `new`.

        schemas: that of this table before and after; a parent in the same schema is named without it.
        """

        def follow(element: Element) -> Element:
            match = _PARENT.search(element.text)
            if match is None:
                return element
            schema, table = (_unquote(match[1]), match[2]) if match[2] else (schemas[0], match[1])
            parent = (schema, _unquote(table))
            parent = new if parent == old else parent
            near = _quote(parent[1]) if parent[0] == schemas[1] else f"{_quote(parent[0])}.{_quote(parent[1])}"
            text = f"{element.text[: match.start()]} REFERENCES {near} ({element.text[match.end() :]}"
            return replace(element, text=text)

        return replace(self, foreign_keys=tuple(map(follow, self.foreign_keys)))


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """A view. head: up to and without VIEW; columns: " (`a`,`b`)" or ""; body: after AS, names with their schemas.

    charset, collation: character_set_client and collation_connection of the session that made it, by which the server
        reads its text again; "" where they are not known, which equals any.
    """

    name: str = field(compare=False)
    head: str
    columns: str
    body: str
    charset: str = field(default="", compare=False)
    collation: str = field(default="", compare=False)

    @property
    def without_counter(self) -> ViewDefinition:
        """What is compared; a view has no counter."""
        return self

    def renamed(self, name: str) -> ViewDefinition:
        return replace(self, name=name)

    def build_create(self, schema_name: str, *, or_replace: bool) -> str:
        head = self.head.replace("CREATE ", "CREATE OR REPLACE ", 1) if or_replace else self.head
        return f"{head} VIEW {_quote(schema_name)}.{_quote(self.name)}{self.columns} AS {self.body}"

    @property
    def is_remade_in_any_session(self) -> bool:
        """Whether its text is the same bytes in the character set of its session as in utf8mb4, in which it is sent."""
        return not self.charset or is_same_bytes(self.build_create("", or_replace=False), self.charset)

    def is_same_session(self, other: ViewDefinition) -> bool:
        """Whether both were made in sessions alike, as far as that is known."""
        known = self.charset and other.charset
        return not known or (self.charset, self.collation) == (other.charset, other.collation)

    @property
    def without_definer(self) -> ViewDefinition:
        return replace(self, head=_DEFINER.sub("", self.head, count=1))


Definition = TableDefinition | ViewDefinition | DatabaseDefinition


@lru_cache(maxsize=256)
def parse_table(text: str) -> TableDefinition:
    """Return the parts of what SHOW CREATE TABLE said of a base table. Raises DefinitionError."""
    head = _HEAD.match(text)
    if head is None:
        raise DefinitionError(f"found a definition that begins {text[:40]!r}; needed: CREATE TABLE and a name.")
    clauses, end = _split(text, head.end())
    found: dict[str, list[Element]] = {"column": [], "index": [], "foreign": [], "check": [], "period": []}
    for clause in clauses:
        place, element = _read_element(clause)
        found[place].append(element)
    options, is_versioned, unread, partitioning = _read_options(text[end:])
    return TableDefinition(
        name=_unquote(head[1]),
        columns=tuple(found["column"]),
        indexes=tuple(found["index"]),
        foreign_keys=tuple(sorted(found["foreign"], key=lambda key: key.name)),
        checks=tuple(found["check"]),
        periods=tuple(found["period"]),
        options=options,
        is_versioned=is_versioned,
        partitioning=partitioning,
        unread=unread,
        text=text,
        tail=text[end:],
    )


def parse_view(text: str, body: str, charset: str = "", collation: str = "") -> ViewDefinition:
    """Return the parts of a view. text: of SHOW CREATE VIEW. body: the query with every name in its schema, as
    information_schema.VIEWS has it; "" takes the one of `text`. charset, collation: as SHOW CREATE VIEW says beside it.

    Raises DefinitionError.
    """
    match = _VIEW.match(text)
    if match is None:
        raise DefinitionError(f"found a definition that begins {text[:40]!r}; needed: CREATE … VIEW and a name.")
    return ViewDefinition(_unquote(match[2]), match[1], match[3], body or match[4], charset, collation)


def _split(text: str, start: int) -> tuple[list[str], int]:
    """Return the clauses between the parentheses that are open at `start`, and the offset behind the closing one."""
    clauses, begin, depth, place = list[str](), start, 1, start
    while depth:
        token = _TOKEN.match(text, place)
        if token is None:
            raise DefinitionError(f"found no end of the definition of {text[:80]!r}; needed: a closing parenthesis.")
        word = token[0]
        place = token.end()
        depth += (word == "(") - (word == ")")
        if (word == "," and depth == 1) or depth == 0:
            clauses.append(text[begin : place - 1].strip())
            begin = place
    return clauses, place


def _read_element(clause: str) -> tuple[str, Element]:
    match = _ELEMENT.match(clause)
    if match is None:
        raise DefinitionError(f"found the clause {clause[:60]!r}; needed: a column, an index or a constraint.")
    place = match.lastgroup or ""
    names = [group for group in match.groups() if group is not None and group != match[place]]
    name = _unquote(names[0]) if names else PRIMARY if place == "primary" else "SYSTEM_TIME"
    if place == "primary":
        return "index", Element(name, clause, PRIMARY)
    if place == "index":
        kind = clause.partition(" ")[0]
        return "index", Element(name, clause, "PLAIN" if kind == "KEY" else kind)
    return place, Element(name, clause)


def _read_options(text: str) -> tuple[tuple[tuple[str, str], ...], bool, str, str]:
    partitioning = ""
    # No option holds a line break: the server writes those of strings as \n.
    if match := _PARTITIONING.search(text):
        partitioning, text = match[1], text[: match.start()]
    options, is_versioned, unread, place = list[tuple[str, str]](), False, "", 0
    while place < len(text.rstrip()):
        option = _OPTION.match(text, place)
        if option is None:
            unread = text[place:].strip()
            break
        place = option.end()
        if option["name"]:
            options.append((option["name"], option["value"]))
        elif option["space"]:
            options.append(("TABLESPACE", option["space"]))
        else:
            is_versioned = True
    return tuple(options), is_versioned, unread, partitioning


def _join(clauses: list[str]) -> str:
    return ",\n".join(clauses)


def _is_near(key: Element) -> bool:
    """Whether the parent of a foreign key is in the same schema: its name then stands alone."""
    return _NEAR.search(key.text) is not None


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _unquote(name: str) -> str:
    return name.replace("``", "`")

"""A place in a statement's tokens, and steps from there."""

from __future__ import annotations

from collections.abc import Sequence

from changes.lexer import Token, TokenKind


class UnreadableError(Exception):
    """The tokens do not follow the grammar as far as it is known here; says near which word."""


class TokenCursor:
    """Reads tokens (without comments) one after the other. Steps that need something raise UnreadableError."""

    def __init__(self, tokens: Sequence[Token], position: int = 0) -> None:
        self.tokens = tokens
        self.position = position

    def key(self, offset: int = 0) -> str:
        index = self.position + offset
        return self.tokens[index].key if 0 <= index < len(self.tokens) else ""

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.tokens)

    def accept(self, *keys: str) -> bool:
        """Step over the keys when they all come next."""
        if any(self.key(offset) != key for offset, key in enumerate(keys)):
            return False
        self.position += len(keys)
        return True

    def need(self, *keys: str) -> None:
        if not self.accept(*keys):
            raise self.unreadable()

    def skip_any(self, *keys: str) -> None:
        while self.key() and self.key() in keys:
            self.position += 1

    def unreadable(self) -> UnreadableError:
        if self.at_end:
            return UnreadableError("its end")
        text = self.tokens[self.position].text
        return UnreadableError(text if len(text) <= 40 else text[:39] + "…")

    def read_name(self) -> tuple[str, ...]:
        """Step over `a`, `a.b` or `a.b.c` and return its parts."""
        if self.at_end or not self.tokens[self.position].is_identifier:
            raise self.unreadable()
        parts = [self.tokens[self.position].name]
        self.position += 1
        while self.key() == "." and self.position + 1 < len(self.tokens):
            following = self.tokens[self.position + 1]
            if not following.is_identifier and following.kind is not TokenKind.NUMBER:
                break  # t.* and syntax errors
            parts.append(following.name)
            self.position += 2
        return tuple(parts)

    def skip_group(self) -> None:
        """Step over a group in parentheses, unread."""
        self.need("(")
        depth = 1
        while depth:
            if self.at_end:
                raise self.unreadable()
            depth += (self.key() == "(") - (self.key() == ")")
            self.position += 1

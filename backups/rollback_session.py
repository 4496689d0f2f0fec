"""What the session of a rollback is set to."""

SQL_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

SCHEMA_CHANGE_MODE = f"{SQL_MODE},STRICT_ALL_TABLES"
"""Schema changes run strict: a value that an old type cannot hold stops the rollback, and is not cut."""

UTC = "+00:00"

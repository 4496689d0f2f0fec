"""System checks of the configuration: what starts, but should not stay so."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from inception_site.config import Config


@register("inception")
def check_configuration(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return find_warnings(settings.INCEPTION)


def find_warnings(config: Config) -> list[CheckMessage]:
    """Return what a production installation should not have."""
    if config.site.mode != "production":
        return []
    found: list[CheckMessage] = []
    if not config.site.base_url.startswith("https://"):
        found.append(
            Warning(
                f"site.base_url is {config.site.base_url}: passwords and sessions travel in plain text.",
                hint="Put a proxy with TLS in front, set base_url to its https:// address and web.trust_proxy = true.",
                id="inception.W001",
            )
        )
    if config.site.allow_unreviewed_cli:
        found.append(
            Warning(
                "site.allow_unreviewed_cli is true: whoever has a shell here runs SQL on every target without review.",
                hint="Set it to false, unless a pipeline of yours needs it.",
                id="inception.W002",
            )
        )
    if config.inc.backup_tls == "disabled" and config.inc.backup_host not in {"127.0.0.1", "localhost", "::1"}:
        found.append(
            Warning(
                f"inc.backup_tls is disabled: row values travel to {config.inc.backup_host} in plain text.",
                hint='Set it to "verify_identity", or "required" when its certificate cannot be verified.',
                id="inception.W003",
            )
        )
    return found

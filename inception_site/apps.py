"""The site itself as an app: its checks, its commands, and which admin site is the site."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.backends.signals import connection_created


class SiteConfig(AppConfig):
    name = "inception_site"
    label = "inception_site"
    verbose_name = "Inception"

    def ready(self) -> None:
        from inception_site import checks  # noqa: F401  registers them
        from inception_site.tls import refuse_plain_text

        connection_created.connect(refuse_plain_text, dispatch_uid="inception_site.tls")


class InceptionAdminConfig(AdminConfig):
    default_site = "inception_site.admin_site.InceptionAdminSite"

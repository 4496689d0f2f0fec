"""Inception's pages are this admin site."""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin import AdminSite


class InceptionAdminSite(AdminSite):
    site_header = settings.INCEPTION.site.name
    site_title = settings.INCEPTION.site.name
    index_title = "Overview"
    enable_nav_sidebar = False

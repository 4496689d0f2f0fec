"""The admin site is the site. /healthz and /readyz are answered before it, see inception_site/health.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

urlpatterns = [path("", admin.site.urls)]

"""Django's settings, all of them drawn from one configuration: INCEPTION."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from inception_site.config import config_path, read_config
from inception_site.databases import build_databases
from inception_site.queue_address import queue_url
from inception_site.secret_files import fill_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
INCEPTION = fill_secrets(read_config(config_path(), os.environ))
INCEPTION.site.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)

_site = INCEPTION.site
_local = _site.mode == "local"
_https = _site.base_url.startswith("https://")
_host = urlsplit(_site.base_url).hostname or ""

DEBUG = _site.debug
SECRET_KEY = _site.secret_key
SECRET_KEY_FALLBACKS = list(_site.secret_key_fallbacks)
ALLOWED_HOSTS = list(_site.allowed_hosts) or [_host, *(["localhost", "127.0.0.1", "[::1]"] if _local else [])]
CSRF_TRUSTED_ORIGINS = list(_site.csrf_trusted_origins) or [_site.base_url.rstrip("/")]

INSTALLED_APPS = [
    "inception_site.apps.SiteConfig",
    "inception_site.apps.InceptionAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_rq",
    "backups",
    "changes",
]

MIDDLEWARE = [
    "inception_site.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "inception_site.queue_guard.QueueGuardMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "inception_site.urls"
WSGI_APPLICATION = "inception_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

DATABASES = build_databases(INCEPTION)
DATABASE_ROUTERS = ["backups.routers.BackupRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The queue is a doorbell: it is told an execution's id. JSON, because RQ's default is pickle, which lets whoever can
# write to the queue run code in the worker; no time-out, because a time-out does not stop a statement on its server.
RQ_QUEUES = {
    "default": {
        "URL": queue_url(INCEPTION.queue.url, _site.data_folder),
        "DEFAULT_TIMEOUT": -1,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
}
RQ = {"WORKER_CLASS": "inception_site.rq_worker.JsonWorker"}

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# In production `manage.py collectstatic` names each file by its content; locally they are served where they are.
WHITENOISE_USE_FINDERS = _local
if _local:
    warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if _local
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _https:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    # Whether all other hosts below the same name have TLS, and browsers may be told so for good, is not ours to know.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if INCEPTION.web.trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

# A form field is sent percent-encoded: three bytes for one, at worst. Beyond the limit Django answers a bare 400, so
# it stands above the place where the ticket's own form says what is wrong.
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * _site.max_sql_bytes + 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "inception_site.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": "INFO"} for name in ("changes", "backups", "inception_site")},
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "rq": {"level": "INFO"},
        "rq.worker": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}

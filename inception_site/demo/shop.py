"""A shop as a sample database: about 53,000 rows, the same ones each time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from inception_site.demo.words import CITIES, DELIVERY_NOTES, FIRST_NAMES, LAST_NAMES, NOTES, PRODUCTS

SCHEMA = "shop"
SEED = 20240229
CUSTOMERS, ORDERS = 5000, 12000
START = datetime(2024, 1, 1)
BATCH_ROWS = 1000

TABLES = """
CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email VARCHAR(190) NOT NULL UNIQUE,
  name VARCHAR(120) NOT NULL,
  country CHAR(2) CHARACTER SET ascii NOT NULL,
  city VARCHAR(80) NOT NULL,
  note TEXT NULL,
  preferences JSON NOT NULL,
  newsletter BOOLEAN NOT NULL DEFAULT FALSE,
  credit DECIMAL(10,2) NOT NULL DEFAULT 0,
  created_at DATETIME(3) NOT NULL,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY by_country (country)
);
CREATE TABLE products (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sku VARCHAR(20) CHARACTER SET ascii NOT NULL UNIQUE,
  name VARCHAR(120) NOT NULL,
  category ENUM('garden','kitchen','books','toys','sport','office') NOT NULL,
  labels SET('new','sale','organic','fragile') NOT NULL DEFAULT '',
  price DECIMAL(10,2) NOT NULL,
  rating DOUBLE NULL,
  stock INT NOT NULL,
  attributes JSON NOT NULL,
  checksum BINARY(8) NOT NULL,
  available_from DATE NOT NULL,
  KEY by_category (category)
);
CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  status ENUM('new','paid','shipped','delivered','cancelled','returned') NOT NULL DEFAULT 'new',
  ordered_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  shipped_at DATETIME NULL,
  total DECIMAL(12,2) NOT NULL,
  currency CHAR(3) CHARACTER SET ascii NOT NULL DEFAULT 'EUR',
  delivery_note VARCHAR(255) NULL,
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE TABLE order_lines (
  order_id BIGINT UNSIGNED NOT NULL,
  line SMALLINT UNSIGNED NOT NULL,
  product_id INT UNSIGNED NOT NULL,
  quantity SMALLINT UNSIGNED NOT NULL,
  unit_price DECIMAL(10,2) NOT NULL,
  discount DECIMAL(5,4) NOT NULL DEFAULT 0,
  amount DECIMAL(12,2) NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, line),
  CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES orders (id),
  CONSTRAINT lines_product FOREIGN KEY (product_id) REFERENCES products (id)
);
CREATE TABLE payments (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_id BIGINT UNSIGNED NOT NULL,
  method ENUM('card','transfer','invoice','voucher') NOT NULL,
  amount DECIMAL(12,2) NOT NULL,
  paid_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  details JSON NULL,
  CONSTRAINT payments_order FOREIGN KEY (order_id) REFERENCES orders (id)
)"""
# The amount of a line follows from the line itself, so undoing a change undoes the trigger's work too.
TRIGGERS = tuple(
    f"""
CREATE TRIGGER line_amount_{when} BEFORE {when} ON order_lines FOR EACH ROW
  SET NEW.amount = ROUND(NEW.quantity * NEW.unit_price * (1 - NEW.discount), 2)"""
    for when in ("INSERT", "UPDATE")
)

Rows = Iterator[tuple[Any, ...]]


def load(connection: Any) -> bool:
    """Make and fill the schema, unless it is there. Returns whether it was made.

    connection: a MySQLdb connection that may do everything. The triggers come last: with them, all is there.
    """
    cursor = connection.cursor()
    cursor.execute("SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = %s", (SCHEMA,))
    if cursor.fetchone()[0] == len(TRIGGERS):
        return False
    cursor.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
    cursor.execute(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    connection.select_db(SCHEMA)
    cursor.execute("SET time_zone = '+00:00'")
    for statement in TABLES.split(";"):
        cursor.execute(statement)
    chance = random.Random(SEED)  # noqa: S311  sample data
    products = list(_make_products(chance))
    orders, lines, payments = _make_orders(chance, products)
    _insert(connection, "customers", 9, _make_customers(chance))
    _insert(connection, "products", 10, iter(products))
    _insert(connection, "orders", 7, iter(orders))
    _insert(connection, "order_lines", 7, iter(lines))
    _insert(connection, "payments", 5, iter(payments))
    for trigger in TRIGGERS:
        cursor.execute(trigger)
    return True


_COLUMNS = {
    "customers": "email, name, country, city, note, preferences, newsletter, credit, created_at",
    "products": "sku, name, category, labels, price, rating, stock, attributes, checksum, available_from",
    "orders": "customer_id, status, ordered_at, shipped_at, total, currency, delivery_note",
    "order_lines": "order_id, line, product_id, quantity, unit_price, discount, amount",
    "payments": "order_id, method, amount, paid_at, details",
}


def _insert(connection: Any, table: str, width: int, rows: Rows) -> None:
    cursor = connection.cursor()
    sql = f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({', '.join(['%s'] * width)})"
    connection.begin()
    while batch := [row for _, row in zip(range(BATCH_ROWS), rows, strict=False)]:
        cursor.executemany(sql, batch)
    connection.commit()


def _make_customers(chance: random.Random) -> Rows:
    for number in range(1, CUSTOMERS + 1):
        country, city = chance.choice(CITIES)
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        preferences = {"language": country.lower(), "channels": chance.sample(["mail", "sms", "post"], 2)}
        yield (
            f"customer{number}@shop.example",
            f"{first} {last}",
            # Some British customers came over from an old system with a code that does not exist.
            "UK" if country == "GB" and chance.random() < 0.4 else country,
            city,
            chance.choice(NOTES) if chance.random() < 0.2 else None,
            json.dumps(preferences, ensure_ascii=False),
            chance.random() < 0.3,
            Decimal(chance.randrange(0, 20000)) / 100 if chance.random() < 0.1 else Decimal(0),
            START + timedelta(seconds=chance.randrange(86400 * 300), milliseconds=chance.randrange(1000)),
        )


def _make_products(chance: random.Random) -> Rows:
    number = 0
    for category, names in PRODUCTS.items():
        for name in names:
            for size in ("S", "M", "L", "XL"):
                number += 1
                attributes = {
                    "size": size,
                    "weight_g": chance.randrange(50, 9000),
                    "colours": chance.sample(COLOURS, 3),
                }
                yield (
                    f"{category[:3].upper()}-{number:05d}",
                    f"{name}, {size}",
                    category,
                    ",".join(label for label in ("new", "sale", "organic", "fragile") if chance.random() < 0.15),
                    Decimal(chance.randrange(199, 19999)) / 100,
                    chance.uniform(1, 5) if chance.random() < 0.8 else None,
                    chance.randrange(0, 500),
                    json.dumps(attributes, ensure_ascii=False),
                    chance.randbytes(8),
                    (START + timedelta(days=chance.randrange(300))).date(),
                )


COLOURS = ["grün", "rot", "blå", "黒", "белый", "jaune", "negro"]


def _make_orders(
    chance: random.Random, products: Sequence[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    orders, lines, payments = [], [], []
    for order in range(1, ORDERS + 1):
        at = START + timedelta(seconds=300 * 86400 + order * 900, milliseconds=chance.randrange(1000))
        total = Decimal(0)
        for line in range(1, chance.choice((1, 1, 2, 2, 2, 3, 4)) + 1):
            product = chance.randrange(len(products))
            quantity, discount = chance.randrange(1, 5), Decimal(chance.choice(DISCOUNTS))
            price = products[product][4]
            amount = (price * quantity * (1 - discount)).quantize(Decimal("0.01"), ROUND_HALF_UP)  # as the server does
            total += amount
            lines.append((order, line, product + 1, quantity, price, discount, amount))
        status = chance.choices(STATES, (5, 10, 15, 60, 6, 4))[0]
        shipped = at + timedelta(hours=chance.randrange(2, 90)) if status in SHIPPED else None
        note = chance.choice(DELIVERY_NOTES) if chance.random() < 0.15 else None
        orders.append((chance.randrange(1, CUSTOMERS + 1), status, at, shipped, total, "EUR", note))
        if status not in {"new", "cancelled"}:
            paid_at = at + timedelta(minutes=chance.randrange(1, 600), microseconds=chance.randrange(1_000_000))
            method = chance.choice(("card", "card", "transfer", "invoice", "voucher"))
            details = json.dumps({"last4": f"{chance.randrange(10000):04d}"}) if method == "card" else None
            payments.append((order, method, total, paid_at, details))
    return orders, lines, payments


DISCOUNTS = ("0", "0", "0", "0", "0.05", "0.125")
STATES = ("new", "paid", "shipped", "delivered", "cancelled", "returned")
SHIPPED = {"shipped", "delivered", "returned"}

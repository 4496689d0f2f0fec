"""Hard cases: each is changed and rolled back on a real server, by us, by the naive way, and by mariadb-binlog."""

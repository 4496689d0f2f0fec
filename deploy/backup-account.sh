#!/bin/sh
# Run once by the database container, when its data folder is new: the account that writes backups.
# It creates, inserts and reads; it neither changes nor deletes, and it does not see the application's own schema.
# The names of backup schemas begin with the host of a target, so with a digit, a letter or "_".
set -eu
password=$(sed "s/'/''/g" /run/secrets/backup_password)
mariadb -uroot -p"$(cat /run/secrets/root_password)" <<SQL
CREATE USER 'inception_backup'@'%' IDENTIFIED BY '$password';
GRANT CREATE, SELECT, INSERT ON \`%\_%\_%\`.* TO 'inception_backup'@'%';
-- Scratch schemas, where rollbacks of schema changes are tried before approval.
GRANT ALL ON \`inception\_proof\_%\`.* TO 'inception_backup'@'%';
SQL

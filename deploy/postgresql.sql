-- For psql, as a superuser, once: two roles, and the databases of Lastgood and of its queue.
--   LASTGOOD_SECRETS=FOLDER psql -v ON_ERROR_STOP=1 -f deploy/postgresql.sql
-- The passwords lie in the folder that deploy/make-secrets filled; in a container, where Docker puts them.
\set owner_password `cat "${LASTGOOD_SECRETS:-/run/secrets}/owner_password"`
\set application_password `cat "${LASTGOOD_SECRETS:-/run/secrets}/application_password"`

-- lastgood_owner owns the tables: lastgood init alone uses it. lastgood is what web, workers and
-- scheduler are: it owns nothing, so it cannot take away what guards the audit log.
CREATE ROLE lastgood_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
CREATE ROLE lastgood LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'application_password';

-- LOCALE 'C': lists are sorted as SQLite sorts them, and stay so whatever libc is upgraded to.
CREATE DATABASE lastgood OWNER lastgood_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
CREATE DATABASE lastgood_queue OWNER lastgood TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE lastgood, lastgood_queue FROM PUBLIC;
GRANT CONNECT ON DATABASE lastgood TO lastgood;

\connect lastgood
-- Since release 15 nobody else may make tables there; before, everybody might.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO lastgood_owner;

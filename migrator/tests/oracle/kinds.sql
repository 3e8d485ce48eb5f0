-- What the old version of an application uses.
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 100);
CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
    id bigint PRIMARY KEY,
    team_id bigint REFERENCES teams,
    name varchar(40) NOT NULL,
    email text,
    age int DEFAULT 1,
    feeling mood DEFAULT 'fine',
    CONSTRAINT aged CHECK (age >= 0),
    CONSTRAINT named_once UNIQUE (name)
);
ALTER TABLE users ADD CONSTRAINT grown CHECK (age < 100000) NOT VALID,
    ADD CONSTRAINT of_team FOREIGN KEY (team_id) REFERENCES teams NOT VALID;
CREATE INDEX users_email ON users (email);
CREATE UNIQUE INDEX users_email_once ON users (id, email);
CREATE TABLE empty (id bigint PRIMARY KEY);
CREATE VIEW named AS SELECT id, name FROM users;
CREATE MATERIALIZED VIEW counted AS SELECT team_id, count(*) AS members FROM users GROUP BY 1;
CREATE UNIQUE INDEX counted_team ON counted (team_id);
CREATE SEQUENCE numbers;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER seen BEFORE UPDATE ON teams FOR EACH ROW EXECUTE FUNCTION same();
CREATE TABLE logs (at date NOT NULL, line text) PARTITION BY RANGE (at);
CREATE TABLE logs_2024 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE TABLE logs_2026 (LIKE logs);
CREATE TABLE child () INHERITS (teams);

INSERT INTO teams SELECT i, 'team ' || i FROM generate_series(1, 50) i;
INSERT INTO users SELECT i, i % 40 + 1, 'user ' || i, i || '@example.org', i
FROM generate_series(1, 200) i;
INSERT INTO logs VALUES ('2024-02-02', 'then'), ('2026-02-02', 'now');
INSERT INTO logs_2026 VALUES ('2026-03-03', 'later');
REFRESH MATERIALIZED VIEW counted;
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;

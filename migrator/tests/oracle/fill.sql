-- Three rows for each table that has none. Each value is made of the row's number, so that
-- keys are unique and what refers to others finds them.
DO $$
DECLARE
    relation record;
    columns text;
    is_filled boolean;
BEGIN
    FOR relation IN
        SELECT c.oid, c.oid::regclass AS name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    LOOP
        -- All columns, then only what must have a value; numbers that no sequence has given
        -- yet, then small ones.
        FOR attempt IN 0..3 LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation.name) INTO is_filled;
            EXIT WHEN is_filled;
            SELECT string_agg(quote_ident(attname), ', ') || ') SELECT ' || string_agg(value, ', ')
            INTO columns
            FROM (
                SELECT a.attname, CASE
                    WHEN t.typname = 'uuid' THEN 'md5(i::text)::uuid'
                    WHEN t.typname IN ('json', 'jsonb') THEN '''{}'''
                    WHEN t.typname = 'ltree' THEN '(''0.'' || i)::ltree'
                    WHEN t.typname = 'bytea' THEN 'int4send(i)'
                    WHEN t.typname = 'oid' THEN 'i::oid'
                    WHEN t.typcategory = 'N' THEN 'i'
                    WHEN t.typcategory = 'S' THEN 'i::text'
                    WHEN t.typcategory = 'B' THEN 'true'
                    WHEN t.typcategory = 'D' THEN 'now() - i * interval ''1 minute'''
                    WHEN t.typcategory = 'T' THEN 'i * interval ''1 minute'''
                    WHEN t.typcategory = 'E' THEN format('(enum_range(NULL::%s))[1]', a.atttypid::regtype)
                    WHEN t.typcategory = 'A' THEN '''{}'''
                    WHEN t.typcategory = 'R' THEN '''empty'''
                    WHEN t.typcategory = 'I' THEN '''10.0.0.0''::inet + i'
                    ELSE 'NULL'
                END || '::' || format_type(a.atttypid, a.atttypmod) AS value
                FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                WHERE a.attrelid = relation.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attgenerated = '' AND a.attidentity = ''
                AND (attempt % 2 = 0 OR (a.attnotnull AND NOT a.atthasdef))
                ORDER BY a.attnum
            ) each;
            FOR row_number IN 1..3 LOOP
                BEGIN
                    EXECUTE format(
                        'INSERT INTO %s %s', relation.name,
                        CASE WHEN columns IS NULL THEN 'DEFAULT VALUES'
                        ELSE '(' || columns || format(' FROM (VALUES (%s)) one(i)',
                            row_number + CASE WHEN attempt < 2 THEN 1000 ELSE 0 END)
                        END
                    );
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

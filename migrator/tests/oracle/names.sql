SELECT coalesce(string_agg(line, E'\n'), '') FROM (
    WITH spaces AS (
        SELECT oid, nspname FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    )
    SELECT 'schema ' || nspname AS line FROM spaces
    UNION ALL
    SELECT CASE WHEN relkind IN ('i', 'I') THEN 'index ' || c.oid
        ELSE 'relation ' || c.oid || ' ' || nspname || '.' || relname END
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = relnamespace
    UNION ALL
    SELECT 'column ' || nspname || '.' || relname || '.' || attname
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = attrelid
    JOIN spaces s ON s.oid = relnamespace
    WHERE attnum > 0 AND NOT attisdropped AND relkind NOT IN ('i', 'I')
    UNION ALL
    SELECT 'routine ' || p.oid || ' ' || nspname || '.' || proname
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = pronamespace
    UNION ALL
    SELECT 'type ' || t.oid || ' ' || nspname || '.' || typname
    FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = typnamespace
    UNION ALL
    SELECT 'value ' || nspname || '.' || typname || ' ' || enumlabel
    FROM pg_catalog.pg_enum JOIN pg_catalog.pg_type t ON t.oid = enumtypid
    JOIN spaces s ON s.oid = typnamespace
    UNION ALL
    SELECT 'constraint ' || c.oid || ' ' || nspname || '.' || conname
    FROM pg_catalog.pg_constraint c JOIN spaces s ON s.oid = connamespace
    UNION ALL
    SELECT 'trigger ' || t.oid || ' ' || tgname || ' on ' || nspname || '.' || relname
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = tgrelid
    JOIN spaces s ON s.oid = relnamespace WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy ' || p.oid || ' ' || polname || ' on ' || nspname || '.' || relname
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = polrelid
    JOIN spaces s ON s.oid = relnamespace
    UNION ALL
    SELECT 'rule ' || nspname || '.' || relname || ' ' || rulename
    FROM pg_catalog.pg_rewrite JOIN pg_catalog.pg_class c ON c.oid = ev_class
    JOIN spaces s ON s.oid = relnamespace
) each

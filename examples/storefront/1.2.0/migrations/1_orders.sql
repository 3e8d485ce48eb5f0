CREATE TABLE orders (
    id bigint PRIMARY KEY,
    amount_cents bigint NOT NULL,
    currency text NOT NULL,
    ordered_at timestamptz NOT NULL DEFAULT now()
);

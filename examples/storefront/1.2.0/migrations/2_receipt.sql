ALTER TABLE orders ADD COLUMN receipt text;

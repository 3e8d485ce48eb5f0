"""Lists what the shop sells. New: the cheapest first."""

import json

VERSION = "1.2.0"
ITEMS = [
    {"sku": "mug", "price_cents": 1200},
    {"sku": "poster", "price_cents": 1900},
    {"sku": "shirt", "price_cents": 2500},
    {"sku": "lamp", "price_cents": 4900},
]


def lambda_handler(event, context):
    most = event.get("max_price_cents")
    items = [item for item in ITEMS if most is None or item["price_cents"] <= most]
    items.sort(key=lambda item: item["price_cents"])
    print(json.dumps({"order": event["order"], "items": len(items)}))
    return {"ok": True, "version": VERSION, "order": event["order"], "items": items}
